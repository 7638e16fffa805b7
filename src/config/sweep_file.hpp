#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/profiles.hpp"
#include "config/scenario_file.hpp"
#include "config/value.hpp"
#include "model/scenario.hpp"

// Sweep files: which scenarios an experiment consists of. TOML:
//
//   format = "skipstone-sweep"
//   version = 1
//   scenario = "khan2023"                    # what every point starts from
//   name = "alpha{objective.alpha}-{seed}"   # of a point; without it, made from the parameters
//   repetitions = 5                          # with the scenario's seed and those after it; or seeds = [3, 14, 15]
//   [set]                                    # of all points
//   rounds.count = 20
//   [grid]                                   # every combination; the last key changes fastest
//   objective.alpha = [0, 0.5, 1]
//   fleet.devices = [{label = "small", value = [{profile = "khan2023-low", count = 5}]},
//                    {label = "large", value = [{profile = "khan2023-low", count = 10}]}]
//   [[list]]                                 # side by side, not combined: one axis more of the grid
//   requests.rate = [1, 2]
//   "fleet.devices[0].battery" = ["400 J", "800 J"]
//   [[point]]                                # one more point outside the grid
//   planner.name = "greedy"
namespace skipstone::config {

inline constexpr std::size_t most_sweep_points = 100'000;

// What a parameter's value is called in tables and names; a label, or the value itself. Empty: not set at this point.
struct SweepLabel {
    std::string text;
    std::optional<double> number;  // where it is one
};

struct SweepPoint {
    std::string name;  // unique in its sweep; letters, digits and "._+=,@-" alone
    std::uint64_t seed = 1;
    std::vector<SweepLabel> labels;  // one per parameter
    std::vector<Setting> settings;   // beside those of all points
};

struct Sweep {
    std::filesystem::path file;
    Value base;                           // the scenario's table with what is set for all points
    std::vector<std::string> parameters;  // keys that points set, but for the seed, in the order of the file
    std::vector<SweepPoint> points;
};

// Reads a sweep file; the points' scenarios are not checked yet. Throws InputError with file, line and key.
Sweep load_sweep(std::filesystem::path const& path, ProfileFolders const& folders);

// A point's scenario; throws InputError as load_scenario does, naming the sweep file's line for what that sets.
Scenario scenario_of(Sweep const& sweep, SweepPoint const& point, ProfileFolders const& folders);

}  // namespace skipstone::config
