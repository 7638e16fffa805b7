#include "cli/trace_analysis.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "config/file_kind.hpp"
#include "config/profiles.hpp"
#include "config/scenario_file.hpp"
#include "config/table_reader.hpp"
#include "config/toml_reader.hpp"
#include "emulator/setup.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::cli {

namespace {

bool applies(std::string const& pattern, std::string const& name) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
}

// A trace's scenario without lines that name files, which need not be where they were when it was made.
struct Fileless {
    std::string text;
    bool replays = false;  // the line of an earlier trace, whose verdicts were taken, is left out
};

// Without weights; exits: also without exit tables and an earlier trace.
Fileless without_files(std::string_view scenario, bool exits) {
    Fileless rest;
    bool in_exits = false;
    while (!scenario.empty()) {
        auto const line = scenario.substr(0, std::min(scenario.find('\n'), scenario.size() - 1) + 1);
        scenario.remove_prefix(line.size());
        if (line.starts_with('[')) in_exits = line.starts_with("[exits]");
        bool const of_exits = exits && in_exits;
        bool const replays = of_exits && line.starts_with("verdicts = ") &&
                             !line.starts_with("verdicts = \"kernels\"") && !line.starts_with("verdicts = \"table\"");
        rest.replays = rest.replays || replays;
        if (!line.starts_with("weights = ") && !(of_exits && line.starts_with("table = ")) && !replays)
            rest.text += line;
    }
    return rest;
}

Powers with_keys_of(config::TableReader reader, Powers powers) {
    powers.compute = reader.quantity<Watts>("compute").value_or(powers.compute);
    powers.transmit = reader.quantity<Watts>("transmit").value_or(powers.transmit);
    powers.receive = reader.quantity<Watts>("receive").value_or(powers.receive);
    powers.idle = reader.quantity<Watts>("idle").value_or(powers.idle);
    reader.finish();
    return powers;
}

}  // namespace

trace::Reader open_trace(std::string const& path) {
    remember_input(path);
    return config::read_as(config::FileKind::trace, path, [&] { return trace::Reader(path); });
}

std::optional<Scenario> scenario_of(trace::Reader const& trace, Invocation const& invocation) try {
    auto const& told = trace.header().provenance.scenario;
    auto const parsed = [&](std::string const& text) {
        return config::parse_scenario(text, "scenario of " + trace.path(), {}, {}, invocation.profiles);
    };
    Scenario scenario;
    try {
        scenario = parsed(without_files(told, false).text);
    } catch (InputError const&) {  // perhaps exit tables or an earlier trace are gone
        auto const rest = without_files(told, true);
        scenario = parsed(rest.text);
        scenario.exits.table_files.clear();
        if (rest.replays) scenario.exits.verdicts = Scenario::ExitsSection::Source::trace;
    }
    if (scenario.fleet.size() != trace.header().devices.size()) return std::nullopt;
    return scenario;
} catch (InputError const&) {
    return std::nullopt;
}

std::vector<Powers> read_powers(std::string const& profile, trace::Header const& header, Invocation const& invocation) {
    std::vector<Powers> powers;
    for (auto const& row : header.devices)
        powers.push_back({Watts(row.power_compute_w), Watts(row.power_transmit_w), Watts(row.power_receive_w),
                          Watts(row.power_idle_w)});
    auto const path = config::find_profile(config::ProfileKind::device, profile, invocation.profiles);
    auto const file =
        config::read_as(config::FileKind::device_profile, path, [&] { return config::read_toml_file(path); });
    config::TableReader top(file, "");
    auto const tables = top.table("powers");
    if (!tables) {
        std::ranges::fill(powers, config::load_device_profile(profile, invocation.profiles).power);
        return powers;
    }
    top.finish();
    // The shortest first, so that what says more of a name overrides what says less.
    auto patterns = tables->value().keys;
    std::ranges::stable_sort(patterns, {}, &std::string::size);
    auto reader = *tables;
    for (auto const& pattern : patterns) {
        auto const keys = *reader.table(pattern);
        bool any = false;
        for (std::size_t i = 0; i < powers.size(); ++i) {
            if (!applies(pattern, header.devices[i].name.str())) continue;
            powers[i] = with_keys_of(keys, powers[i]);
            any = true;
        }
        if (!any)
            reader.fail(pattern, "no device of the trace is called that; the first is \"" +
                                     (powers.empty() ? "" : header.devices.front().name.str()) + "\"");
    }
    return powers;
}

namespace {

// None where it was made of weights that are not here.
std::optional<Network> network_of(Scenario const& scenario) try {
    return emulator::network_of(scenario);
} catch (InputError const&) {
    return std::nullopt;
}

}  // namespace

analysis::Analysis analyze_trace(trace::Reader const& trace, Invocation const& invocation, analysis::Options options,
                                 std::string const& power_profile) {
    options.scenario = scenario_of(trace, invocation);
    if (options.scenario) options.network = network_of(*options.scenario);
    if (!power_profile.empty()) {
        options.powers = read_powers(power_profile, trace.header(), invocation);
        options.powers_name = power_profile;
    }
    return analysis::analyze(trace, options);
}

}  // namespace skipstone::cli
