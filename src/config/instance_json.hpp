#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"

// Planning problems and their answers as JSON. Numbers survive the way there and back to the last
// bit.
namespace skipstone::config {

// Reads an instance. A device may have "power_receive_w" (0 without it) and, where it is off,
// "off": "energy" or "outage"; "cut" lists the pairs of devices whose link is down: [["a", "b"], …]. An accuracy set
// that stands twice counts with the lower accuracy; the set without drops comes first. Throws InputError with the JSON
// path
// ("devices[2].mac_rate") for unknown and missing keys, wrong types, numbers out of range, unknown names, and matrices
// of another shape. file: what messages call it.
Instance parse_instance(std::string_view text, std::string const& file);
Instance load_instance(std::filesystem::path const& path);

// Indented JSON with a final newline. Fleets of identical latencies give one number.
std::string instance_text(Instance const& instance);

// One result as an object, several as a list.
std::string results_text(Instance const& instance, std::vector<PlanResult> const& results);
// Reads what results_text wrote for that instance: an object or a list. Throws InputError like parse_instance.
std::vector<PlanResult> parse_results(std::string_view text, std::string const& file, Instance const& instance);

}  // namespace skipstone::config
