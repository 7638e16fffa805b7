#pragma once

#include <functional>
#include <optional>
#include <string>

#include "model/scenario.hpp"

namespace skipstone::cli {

// A run as it was asked for.
struct RunRequest {
    std::function<Scenario()> load_scenario;  // called by rank 0 alone; throws InputError
    std::string output;                       // empty: named after the scenario, its planner and its clock
    bool force = false;                       // a finished trace may be replaced
    std::optional<std::string> images;
    std::string command_line;
    bool quiet = false;  // tells errors, warnings and where the trace is alone
    bool strict = false;
    std::optional<int> threads;  // of a run without a launcher: nodes that compute; none: as many as cores
};

// Both return the exit status.
// One process without a launcher: nodes are threads, as many as there are cores. The virtual clock only.
int run_alone(RunRequest const& request);
// This process' part of a run under a launcher. Collective over all ranks.
int run_as_rank(RunRequest const& request);

}  // namespace skipstone::cli
