#pragma once

#include <string>
#include <vector>

#include "config/table_reader.hpp"
#include "model/device.hpp"
#include "model/fault.hpp"

// What fails when: a profile, and section [faults] of a scenario. All throw InputError with the place.
namespace skipstone::config {

// A whole profile: everything but outages, which name a fleet's devices.
FaultModel read_fault_profile(TableReader reader);
// `base` with the keys that the section has; its "profile" has been read.
FaultModel read_fault_section(TableReader reader, FaultModel base, std::vector<Device> const& fleet);

// The section's lines in TOML, from "[faults]" on; "" when nothing fails and nothing is set.
std::string fault_section_text(FaultModel const& faults, std::vector<Device> const& fleet);

}  // namespace skipstone::config
