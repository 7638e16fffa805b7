#include "cli/exits_scenario.hpp"

#include <algorithm>

#include "cli/scenario_options.hpp"
#include "config/scenario_file.hpp"
#include "config/weights_network.hpp"
#include "emulator/setup.hpp"
#include "kernels/weights.hpp"
#include "model/round_state.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone::cli {

namespace {

Scenario load(ExitsScenario const& given, Invocation const& invocation) {
    std::vector<config::Override> overrides;
    for (auto const& set : given.sets) overrides.push_back(config::parse_override(set));
    if (!given.weights.empty()) overrides.push_back(option_override("--weights", "network.weights", given.weights));
    auto scenario = config::load_scenario(given.scenario, overrides, invocation.profiles);
    if (!scenario.network.weights)
        throw InputError(
            scenario.place_of("network.weights"),
            "is missing: the exits' heads are in a weights file that `skipstone exits train` wrote; give it "
            "with --weights");
    if (scenario.objective.goal != Goal::latency)
        throw InputError(scenario.place_of("objective.goal"), "must be \"latency\" for a search of exits");
    scenario.exits = {};
    return emulator::with_weights_metadata(std::move(scenario));
}

// The instance of the scenario's first round, for one request, with these exits open.
Instance instance_of(Scenario const& scenario, Network const& network) {
    RoundState state;
    state.round = RoundId(std::int32_t{0});
    for (auto const& device : scenario.fleet) state.battery.push_back(device.battery);
    state.links = LinkTable::drawn(scenario.fleet.size(), scenario.links, scenario.seed, state.round);
    state.requests.resize(1);
    return make_instance(scenario, network, {DropOption{}}, state, std::vector<Joules>(scenario.fleet.size()));
}

std::vector<DeviceId> targets_of(ExitsScenario const& given, Instance const& instance) {
    std::vector<DeviceId> targets;
    std::vector<std::string> names;
    for (auto const& device : instance.devices) names.push_back(device.name);
    for (auto const& name : given.targets) {
        auto const found = std::ranges::find(names, name);
        if (found == names.end())
            throw InputError("--targets " + name + ": the scenario has no such device; the nearest is \"" +
                             nearest(name, names) + "\"");
        DeviceId const device(static_cast<std::size_t>(found - names.begin()));
        if (std::ranges::find(targets, device) != targets.end())
            throw InputError("--targets " + name + ": is named twice");
        targets.push_back(device);
    }
    if (targets.empty())
        for (std::size_t device = 0; device < names.size(); ++device) targets.push_back(DeviceId(device));
    return targets;
}

std::vector<BlockId> dropped_blocks(exits::NamedTable const& named, Network const& network) {
    std::vector<BlockId> dropped;
    for (auto const& name : named.table.dropped) {
        auto const block = network.find(name);
        if (!block || !network.block(*block).is_droppable())
            throw InputError({named.file, 0, "/@dropped"},
                             "names " + name + ", which the scenario's network does not have, or cannot drop");
        dropped.push_back(*block);
    }
    return dropped;
}

}  // namespace

void add_mappings(std::vector<exits::TableWays>& ways, ExitsScenario const& given, std::optional<Seconds> max_latency,
                  Invocation const& invocation, exits::SearchReport& report) {
    auto const scenario = load(given, invocation);
    auto const& weights = *scenario.network.weights;
    auto const heads = config::exits_in_weights(weights);
    for (auto& way : ways) {
        auto const& [file, table] = *way.named;
        if (table.network != scenario.network.profile.name)
            throw InputError({file, 0, ""}, "is of the network " + table.network + ", and the scenario's is " +
                                                scenario.network.profile.name);
        if (auto const sha256 = kernels::read_weights_info(weights).sha256; sha256 != table.weights_sha256)
            throw InputError({file, 0, ""}, "was measured with other weights (sha256 " + table.weights_sha256 +
                                                ") than " + scenario.network.named_weights() + " (" + sha256 + ")");
        auto open = scenario;
        open.network.profile.exits.clear();
        for (auto const& exit : table.exits) {
            auto const head = std::ranges::find(heads, exit, &ExitHead::after);
            if (head == heads.end())
                throw InputError({scenario.network.named_weights(), 0, ""},
                                 "has no exit behind " + exit + ", which " + file + " has");
            open.exits.rules.push_back({ExitId(open.network.profile.exits.size()), 1});
            open.network.profile.exits.push_back(*head);
        }
        Network const network = emulator::network_of(open);
        auto const instance = instance_of(open, network);
        report.blocks.clear();
        for (auto const& block : instance.blocks) report.blocks.push_back(block.name);
        report.devices.clear();
        for (auto const& device : instance.devices) report.devices.push_back(device.name);
        way.mappings =
            exits::mappings(instance, dropped_blocks(*way.named, network), targets_of(given, instance), max_latency);
    }
}

}  // namespace skipstone::cli
