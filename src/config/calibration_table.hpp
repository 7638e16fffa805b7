#pragma once

#include <string>
#include <string_view>

#include "config/table_reader.hpp"
#include "model/calibration.hpp"

namespace skipstone::config {

// A whole calibration; throws InputError with the place. name: what it is called when it has no `name` of its own.
Calibration read_calibration(TableReader reader, std::string const& name);

// The lines of a calibration in TOML, without name; its ranges follow as the section `ranges`.
std::string calibration_lines(Calibration const& calibration, std::string_view ranges);

}  // namespace skipstone::config
