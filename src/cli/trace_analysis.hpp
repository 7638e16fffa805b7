#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/analyze.hpp"
#include "cli/commands.hpp"
#include "model/device.hpp"
#include "model/scenario.hpp"
#include "trace/reader.hpp"

namespace skipstone::cli {

// An input that is not written over. Throws InputError for what is no trace, saying what it is and what takes it.
trace::Reader open_trace(std::string const& path);

// The scenario that a trace was made with, from its provenance, its weights left out. None where that cannot be read
// (another version's) or is of another fleet.
std::optional<Scenario> scenario_of(trace::Reader const& trace, Invocation const& invocation);

// The trace's powers with those of a file in their place: a device profile (a name, or a file), whose powers all
// devices get; or a TOML file with a table `powers`, whose keys are names of devices, or beginnings of names followed
// by
// "*", and whose values are tables like a device profile's `power`; what is not given stays as in the trace. Throws
// InputError with file, line and key.
std::vector<Powers> read_powers(std::string const& profile, trace::Header const& header, Invocation const& invocation);

// Analyses a trace with its scenario, and with the powers of a file unless `power_profile` is empty.
analysis::Analysis analyze_trace(trace::Reader const& trace, Invocation const& invocation, analysis::Options options,
                                 std::string const& power_profile = "");

}  // namespace skipstone::cli
