#include "analysis/planned.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "analysis/summary.hpp"
#include "model/cost_model.hpp"
#include "model/round_state.hpp"
#include "model/task_graph.hpp"

namespace skipstone::analysis {

namespace {

Instance instance_of(trace::Header const& header, Scenario const& scenario) {
    Instance instance;
    instance.residual = scenario.objective.residual;
    for (auto const& row : std::span(header.blocks).first(header.chain()))
        instance.blocks.push_back({row.name.str(), Macs(row.macs), Bytes(row.memory_bytes), Bytes(row.output_bytes),
                                   Bytes(row.weight_bytes), Macs(row.skip_macs), Bytes(row.skip_memory_bytes)});
    if (!header.blocks.empty()) instance.input = Bytes(header.blocks.front().input_bytes);
    for (std::size_t i = 0; i < header.devices.size(); ++i) {
        auto const& row = header.devices[i];
        InstanceDevice device{.name = row.name.str(), .mac_rate = MacRate(row.mac_rate), .compute = {}};
        double const speedup = scenario.fleet[i].speedup_in(scenario.network.profile.precision);
        if (auto const& measured = scenario.fleet[i].compute_seconds; !measured.empty())
            for (auto const& block : instance.blocks) {
                auto const found = measured.find(block.name);
                device.compute.push_back(
                    found == measured.end() ? std::nullopt : std::optional(Seconds(found->second.value() / speedup)));
            }
        if (device.name == scenario.requests.source) instance.source = DeviceId(i);
        instance.devices.push_back(std::move(device));
    }
    return instance;
}

// The ways in which plans may have split blocks, and the exits.
void add_splits_and_exits(Instance& instance, Scenario const& scenario, Network const& network) {
    RoundState state;
    state.battery.assign(instance.devices.size(), Joules(0));
    state.links = LinkTable::drawn(instance.devices.size(), scenario.links, scenario.seed, RoundId(std::int32_t{0}));
    auto made = make_instance(scenario, network, known_options(scenario, network), state,
                              std::vector<Joules>(instance.devices.size()));
    for (std::size_t b = 0; b < instance.blocks.size(); ++b)
        instance.blocks[b].splits = std::move(made.blocks[b].splits);
    for (std::size_t i = 0; i < instance.devices.size(); ++i) {
        instance.devices[i].part_compute = std::move(made.devices[i].part_compute);
        instance.devices[i].head_compute = std::move(made.devices[i].head_compute);
    }
    instance.exits = std::move(made.exits);
    if (!instance.exits.empty()) instance.accuracy = std::move(made.accuracy);
}

}  // namespace

Planned::Planned(trace::Reader const& trace, Scenario const& scenario, Network const* network,
                 std::vector<Powers> const& powers)
    : trace_(trace), scenario_(scenario), powers_(powers), instance_(instance_of(trace.header(), scenario)) {
    if (network && network->size() == instance_.blocks.size()) add_splits_and_exits(instance_, scenario, *network);
}

void Planned::begin_round(std::int32_t round) {
    auto const& links = scenario_.links;
    auto const devices = instance_.devices.size();
    if (!trace_.has_dense_rates()) {
        instance_.links = LinkTable::drawn(devices, links, scenario_.seed, RoundId(round)).expected();
        return;
    }
    auto rates = trace_.rates(RoundId(round));
    std::vector<double> latencies(links.pairs ? rates.size() : 1, links.latency.value());
    for (std::size_t i = 0; i < devices; ++i)
        for (std::size_t k = 0; k < devices; ++k) {
            double& rate = rates[i * devices + k];
            auto const link = i == k ? links.completed({}) : links.traits(DeviceId(i), DeviceId(k));
            rate = rate > 0 ? rate * *link.efficiency * (1 - *link.loss) : 0;
            if (links.pairs) latencies[i * devices + k] = link.latency->value();
        }
    instance_.links = LinkTable::dense(devices, std::move(rates), std::move(latencies));
}

Seconds Planned::compute(Work const& work, DeviceId device) const {
    if (auto const chain = instance_.blocks.size(); work.block.index() >= chain) {
        auto const exit = work.block.index() - chain;
        return exit < instance_.exits.size() ? head_time(instance_, instance_.exits[exit], device) : Seconds(none);
    }
    if (work.split.is_whole()) return compute_time(instance_, work.block, work.mode, device);
    auto const* split = instance_.blocks[work.block.index()].find(work.split);
    if (!split || work.part >= static_cast<int>(split->parts.size())) return Seconds(none);
    if (work.part < 0) return join_time(instance_, work.block, work.split, device);
    return part_time(instance_, work.block, work.split, static_cast<std::size_t>(work.part), device);
}

// Of a block's whole output, what decides the time may be less than what is counted (Residual::paper); all else moves
// as it is counted.
Seconds Planned::serialisation(Event const& transmit) const {
    Bytes bytes(transmit.bytes);
    if (transmit.block >= 0 && transmit.part < 0)
        if (auto const size = hop_bytes(instance_, BlockId(transmit.block)); size.shared == bytes)
            bytes = size.serialised;
    return bytes / instance_.links.rate(DeviceId(transmit.device), DeviceId(transmit.peer));
}

Seconds Planned::hop(Event const& transmit) const {
    return serialisation(transmit) + instance_.links.latency(DeviceId(transmit.device), DeviceId(transmit.peer));
}

bool Planned::knows(RequestPlan const& plan) const {
    for (std::size_t b = 0; b < plan.devices.size(); ++b) {
        bool const dropped = std::ranges::binary_search(plan.dropped, BlockId(b));
        if (bool(plan.devices[b]) == (dropped && instance_.blocks[b].vanishes_when_dropped())) return false;
    }
    return std::ranges::all_of(plan.splits, [&](SplitBlock const& way) {
        auto const* split = instance_.blocks[way.block.index()].find(way.split);
        return split && split->parts.size() == way.parts.size();
    });
}

Joules Planned::energy(RequestPlan const& plan) const {
    if (!knows(plan)) return Joules(none);
    return energy_of(task_graph(instance_, plan), reach_of(instance_, plan.dropped));
}

WholeRequest Planned::whole(RequestPlan const& plan) {
    WholeRequest request;
    double macs = 0;
    for (std::size_t b = 0; b < plan.devices.size(); ++b) {
        auto const& block = instance_.blocks[b];
        if (plan.devices[b])
            macs += static_cast<double>(
                (std::ranges::binary_search(plan.dropped, BlockId(b)) ? block.skip_macs : block.macs).value());
    }
    request.macs = macs;
    if (!knows(plan)) return request;
    auto exits = std::exchange(instance_.exits, {});
    auto const graph = task_graph(instance_, plan);
    request.energy_j = energy_of(graph, {}).value();
    request.way_s = critical_path(instance_, graph).value();
    instance_.exits = std::move(exits);
    return request;
}

std::vector<double> Planned::leaving(RequestPlan const& plan) const {
    auto const reach = reach_of(instance_, plan.dropped);
    std::vector<double> shares;
    double there = 1;  // of those that no exit let leave so far
    for (auto const& exit : instance_.exits) {
        auto const next = exit.after.index() + 1;
        if (next >= reach.size()) return {};
        shares.push_back(there - reach[next]);
        there = reach[next];
    }
    shares.push_back(there);
    return shares;
}

// reach: the share of requests that gets to each block; empty: all get everywhere.
Joules Planned::energy_of(TaskGraph const& graph, std::span<double const> reach) const {
    Joules energy{};
    std::size_t moved = 0;
    auto const move_until = [&](std::size_t end, double share) {
        for (; moved < end; ++moved) {
            auto const& move = graph.moves[moved];
            auto const time = move.bytes.serialised / instance_.links.rate(move.sender, move.receiver);
            energy +=
                (powers_[move.sender.index()].transmit * time + powers_[move.receiver.index()].receive * time) * share;
        }
    };
    for (std::size_t t = 0; t < graph.tasks.size(); ++t) {
        double const share = share_of(instance_, graph.tasks[t], reach);
        for (auto const& feed : graph.feeds_of(TaskId(t)))
            move_until(static_cast<std::size_t>(feed.move + 1), share);
        energy += powers_[graph.tasks[t].device.index()].compute * graph.tasks[t].duration * share;
    }
    return energy;
}

}  // namespace skipstone::analysis
