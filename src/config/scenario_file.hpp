#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/profiles.hpp"
#include "config/value.hpp"
#include "model/scenario.hpp"

// Scenario files: TOML to values and back.
//
// Wherever a scenario names a profile (network.profile, accuracy.table, links.profile, a device's profile) the profile
// itself may stand instead, as a table with the keys of its file.
namespace skipstone::config {

// The planner of a scenario that names none.
inline constexpr std::string_view default_planner(Goal goal) {
    return goal == Goal::latency ? "exact" : "pipeline";
}
// The planner that takes its plan from planner.stages.
inline constexpr std::string_view fixed_planner = "fixed";
// The accuracy.table that is not there.
inline constexpr std::string_view no_table = "none";

// One key set from outside the file: key "objective.alpha" or "fleet.devices[0].battery", value as TOML or a bare word.
// An override of requests.count or requests.rate takes the place of the other; so do objective.alpha and objective.beta
// (the one that is not overridden becomes 1 less the other), and links.rate with links.min, links.max and links.model.
// One of requests.arrivals removes the interval or in_flight that other arrivals need, one of objective.goal
// objective.memory, which then is what goes with the goal, one of exits.verdicts exits.table, unless it is "table".
// Paths in an override are relative to the current folder.
struct Override {
    std::string key;
    std::string value;
    std::string origin;  // what messages call it: "--set objective.alpha=0.5"
};

// The same from another file (a sweep): messages name the value's own place, and paths in it are relative to its file
// first.
struct Setting {
    std::string key;
    std::shared_ptr<Value const> value;
};

// From "section.key=value", as `--set` takes it. Throws InputError without an equals sign or a key.
Override parse_override(std::string const& text);

// Reads a scenario, looks its profiles up, fills in its defaults, and checks every value and how they go together.
// Throws InputError with file, line, key and what would be right.
Scenario load_scenario(std::string const& name_or_path, std::vector<Override> const& overrides,
                       ProfileFolders const& folders);
// The same from a text, but for Scenario::exits.tables (with_exit_tables() in config/exits_section.hpp); file: what
// messages call it; folder: what relative paths in it refer to first.
Scenario parse_scenario(std::string_view text, std::string const& file, std::filesystem::path const& folder,
                        std::vector<Override> const& overrides, ProfileFolders const& folders);

// A scenario's table, as it is written, with keys set in it; neither is checked but for the keys' form. Settings of one
// call stand in for each other's alternatives as overrides do.
Value read_scenario_table(std::string const& name_or_path, ProfileFolders const& folders,
                          std::filesystem::path const& folder);
Value with_settings(Value table, std::vector<Setting> const& settings);
std::vector<Setting> settings_of(std::vector<Override> const& overrides);
// The scenario that such a table holds; the same checks and errors as load_scenario.
Scenario scenario_of_table(Value const& table, ProfileFolders const& folders);

// The scenario as a complete TOML file: every key with its value, profiles written out, so that it needs no other file
// but the weights. Parsed again, it gives the same scenario (but for Scenario::file), and the same text.
std::string scenario_text(Scenario const& scenario);

}  // namespace skipstone::config
