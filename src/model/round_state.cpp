#include "model/round_state.hpp"

#include <algorithm>
#include <utility>

#include "model/cost_model.hpp"
#include "model/instance_splits.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone {

namespace {

std::vector<InstanceBlock> instance_blocks(Network const& network) {
    std::vector<InstanceBlock> blocks;
    blocks.reserve(network.size());
    for (Block const& block : network.blocks())
        blocks.push_back({.name = block.name,
                          .macs = block.macs,
                          .memory = block.memory_bytes,
                          .output = block.output_bytes,
                          .weights = block.weight_bytes,
                          .skip_macs = block.skip_macs,
                          .skip_memory = block.skip_memory_bytes});
    return blocks;
}

// Measured times by block; empty when the device has none for this network.
std::vector<std::optional<Seconds>> measured_times(Device const& device, Network const& network) {
    if (device.compute_seconds.empty()) return {};
    std::vector<std::optional<Seconds>> times(network.size());
    bool any = false;
    for (auto const& [name, time] : device.compute_seconds)
        if (auto const block = network.find(name)) {
            times[block->index()] = Seconds(time.value() / device.speedup_in(network.precision()));
            any = true;
        }
    if (!any) times.clear();
    return times;
}

// Measured times of parts.
std::map<std::pair<BlockId, Split>, Seconds> measured_part_times(Device const& device, Network const& network) {
    std::map<std::pair<BlockId, Split>, Seconds> times;
    for (auto const& [part, time] : device.part_seconds)
        if (auto const block = network.find(part.first))
            times[{*block, part.second}] = Seconds(time.value() / device.speedup_in(network.precision()));
    return times;
}

// The ways in which the scenario lets planners split blocks, and those that its plan by hand names.
void add_splits(Instance& instance, Scenario const& scenario, Network const& network) {
    auto const& collaboration = scenario.collaboration;
    if (!collaboration.splits.empty()) {
        auto ways = instance_splits(network, collaboration.most_parts,
                                    [&](Split split) { return collaboration.allows(split); });
        for (std::size_t b = 0; b < ways.size(); ++b) instance.blocks[b].splits = std::move(ways[b]);
    }
    for (PlanStage const& stage : scenario.planner.stages) {
        if (stage.split.is_whole()) continue;
        auto& block = instance.blocks[stage.first.index()];
        if (block.find(stage.split)) continue;
        try {
            block.splits.push_back(instance_split(network, stage.first, stage.split));
        } catch (InputError const& error) {
            throw InputError(scenario.place_of("planner.stages"), error.what());
        }
    }
}

// The exits that are open, and what their heads cost.
void add_exits(Instance& instance, Scenario const& scenario, Network const& network) {
    for (ExitRule const& rule : scenario.exits.rules) {
        auto const& exit = network.exits().at(rule.exit.index());
        instance.exits.push_back({.after = exit.after,
                                  .head = network.head_of(rule.exit),
                                  .name = exit.head.name,
                                  .threshold = rule.threshold,
                                  .macs = exit.head.macs,
                                  .memory = exit.head.memory_bytes,
                                  .weights = exit.head.weight_bytes});
    }
    instance.reserve_expected = scenario.exits.reserve_expected;
}

// Times of heads that do not follow from the device's rate for the network: measured ones, and, since heads compute in
// float32, those of networks of another precision.
std::map<BlockId, Seconds> head_times(Device const& device, Instance const& instance, Precision precision) {
    std::map<BlockId, Seconds> times;
    for (InstanceExit const& exit : instance.exits)
        if (auto const found = device.compute_seconds.find(exit.name); found != device.compute_seconds.end())
            times[exit.head] = found->second;
        else if (precision != Precision::float32)
            times[exit.head] = exit.macs / device.mac_rate_in(Precision::float32);
    return times;
}

std::optional<DeviceId> source_device(Scenario const& scenario) {
    std::string const& source = scenario.requests.source;
    if (source == "any") return std::nullopt;
    auto const found = std::ranges::find(scenario.fleet, source, &Device::name);
    if (found == scenario.fleet.end())
        throw InputError(
            scenario.place_of("requests.source"),
            "no device is called \"" + source + "\" (the images' way starts there); name one of the fleet, or \"any\"");
    return DeviceId(static_cast<std::size_t>(found - scenario.fleet.begin()));
}

// The longest that a hop can take on any link that there is; on links that are drawn, at the lowest rate.
Seconds slowest_hop(LinkModel const& links, std::vector<LinkTraits> const& kinds, Bytes serialised) {
    Seconds slowest{};
    for (LinkTraits const& kind : kinds) {
        LinkTraits const link = links.completed(kind);
        BitRate const rate = (*link.efficiency * (1 - *link.loss)) * link.rate.value_or(links.min);
        if (rate > BitRate(0)) slowest = std::max(slowest, serialised / rate + *link.latency);
    }
    return slowest;
}

}  // namespace

std::vector<PendingRequest> draw_requests(Scenario const& scenario, RoundId round, Seconds start,
                                          std::int64_t first_image) {
    auto const& requests = scenario.requests;
    RandomStream stream(scenario.seed, "arrivals", round.value());
    std::int64_t const count = requests.count ? *requests.count : stream.poisson(requests.rate);
    SKIPSTONE_EXPECT(count >= 0);
    std::vector<Seconds> arrivals(static_cast<std::size_t>(count), start);
    if (requests.arrivals == Arrivals::spread) {
        // Given their number, the arrivals of a Poisson process are independent and uniform.
        SKIPSTONE_EXPECT(scenario.rounds.period > Seconds(0));
        for (Seconds& arrival : arrivals) arrival += stream.uniform() * scenario.rounds.period;
        std::ranges::sort(arrivals);
    }
    if (requests.arrivals == Arrivals::every)
        for (std::size_t k = 0; k < arrivals.size(); ++k) arrivals[k] += static_cast<double>(k) * requests.interval;
    std::vector<PendingRequest> pending;
    pending.reserve(arrivals.size());
    for (Seconds const arrival : arrivals)
        pending.push_back({.arrival = arrival, .attempt = 1, .image = first_image++});
    return pending;
}

std::vector<DropOption> known_options(Scenario const& scenario, Network const& network) {
    return scenario.exits.rules.empty() || scenario.exits.promised.empty() ? drop_options(scenario.accuracy, network)
                                                                           : scenario.exits.promised;
}

Instance make_instance(Scenario const& scenario, Network const& network, std::vector<DropOption> const& options,
                       RoundState const& state, std::vector<Joules> const& idle_reserve) {
    Instance instance;
    instance.goal = scenario.objective.goal;
    instance.alpha = scenario.objective.alpha;
    instance.beta = scenario.objective.beta;
    instance.accuracy_known = scenario.knows_accuracy();
    instance.accuracy_threshold = instance.accuracy_known ? scenario.objective.accuracy_threshold : 0;
    instance.reference_latency = reference_latency(scenario, network);
    instance.residual = scenario.objective.residual;
    instance.memory = scenario.objective.memory;
    instance.source = source_device(scenario);
    instance.input = network.input_bytes();
    instance.blocks = instance_blocks(network);
    add_splits(instance, scenario, network);
    add_exits(instance, scenario, network);
    instance.accuracy = options;
    instance.devices.reserve(scenario.fleet.size());
    for (Device const& device : scenario.fleet)
        instance.devices.push_back({.name = device.name,
                                    .mac_rate = device.mac_rate_in(network.precision()),
                                    .power_compute = device.power.compute,
                                    .power_transmit = device.power.transmit,
                                    .power_receive = device.power.receive,
                                    .compute = measured_times(device, network),
                                    .part_compute = measured_part_times(device, network),
                                    .head_compute = head_times(device, instance, network.precision())});
    return next_instance(std::move(instance), scenario, state, idle_reserve);
}

Instance next_instance(Instance instance, Scenario const& scenario, RoundState const& state,
                       std::vector<Joules> const& idle_reserve) {
    SKIPSTONE_EXPECT(instance.devices.size() == scenario.fleet.size());
    SKIPSTONE_EXPECT(state.battery.size() == scenario.fleet.size());
    SKIPSTONE_EXPECT(idle_reserve.size() == scenario.fleet.size());
    SKIPSTONE_EXPECT(state.links.devices() == scenario.fleet.size());
    instance.requests = static_cast<int>(state.requests.size());
    for (std::size_t i = 0; i < scenario.fleet.size(); ++i) {
        auto& device = instance.devices[i];
        device.off.reset();
        device.memory = scenario.fleet[i].memory;
        device.macs = scenario.fleet[i].macs_per_round;
        device.energy = std::max(Joules(0), state.battery[i] - idle_reserve[i]);
        if (state.battery[i] <= idle_reserve[i]) device.switch_off(OffBecause::energy);
    }
    instance.links = state.links.expected();
    instance.cut.reset();
    return instance;
}

Seconds reference_latency(Scenario const& scenario, Network const& network) {
    if (scenario.objective.latency_reference == LatencyReference::fixed) return scenario.objective.reference_time;
    SKIPSTONE_EXPECT(!scenario.fleet.empty());
    auto const rate_of = [&](Device const& device) { return device.mac_rate_in(network.precision()); };
    MacRate const slowest = rate_of(std::ranges::min(scenario.fleet, {}, rate_of));
    Seconds time = network.total_macs() / slowest;
    if (scenario.objective.latency_reference == LatencyReference::worst_case) {
        LinkModel const& links = scenario.links;
        auto const kinds = links.pairs ? links.pairs->kinds(scenario.fleet.size()) : std::vector{LinkTraits()};
        Instance hops;
        hops.residual = scenario.objective.residual;
        hops.blocks = instance_blocks(network);
        for (std::size_t block = 0; block + 1 < network.size(); ++block)
            time += slowest_hop(links, kinds, hop_bytes(hops, BlockId(block)).serialised);
    }
    return time;
}

}  // namespace skipstone
