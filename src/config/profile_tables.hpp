#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/table_reader.hpp"
#include "model/accuracy_table.hpp"
#include "model/device.hpp"
#include "model/link.hpp"
#include "model/network.hpp"

// Profiles as tables: of a file of their own, or inside a scenario. All throw InputError with the place.
namespace skipstone::config {

enum class Keys { all, some };  // whether what has no default must be there, or overrides what a profile gave

// Whole profiles; unknown keys are refused.
Device read_device_profile(TableReader reader);
LinkModel read_link_profile(TableReader reader);
// name: what the table is called when it has no `name` of its own.
AccuracyTable read_accuracy_table(TableReader reader, std::string const& name);

// The key `precision`; none when missing.
std::optional<Precision> read_precision(TableReader& reader);

// `base` with the keys that the table has; unknown keys are left to the caller's finish(). The device's name is not
// touched. A compute_seconds table replaces the one of `base`; a mac_rate without one drops it, since the measured
// times are not that rate's. `speedup`: factors of both in other precisions.
Device read_device_keys(TableReader& reader, Device base, Keys keys);
LinkModel read_link_keys(TableReader& reader, LinkModel base, Keys keys);

// The lines "key = value" of a table in TOML; those of subtables follow in sections under `section` ("fleet.devices",
// "" at the top).
std::string device_lines(Device const& device);          // without name; power and compute_seconds inline
std::string link_lines(LinkModel const& links);          // without name
std::string accuracy_lines(AccuracyTable const& table);  // without name and rows
std::string accuracy_rows(AccuracyTable const& table, std::string_view section);

// ["a", "b"].
std::string string_list(std::vector<std::string> const& texts);

// A key of a TOML table: bare where that is possible, else quoted.
std::string toml_key(std::string_view key);

}  // namespace skipstone::config
