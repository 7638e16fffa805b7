#include "exits/mapping.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "model/cost_model.hpp"
#include "model/task_graph.hpp"
#include "units/error.hpp"

namespace skipstone::exits {

namespace {

constexpr double most_mappings = 3000;

double energy_of(RequestCost const& cost) {
    double joules = 0;
    for (auto const& load : cost.loads) joules += load.energy.value();
    return joules;
}

// What is left of a request that leaves at that head; of one that leaves nowhere.
RequestCost cost_until(Instance const& instance, TaskGraph const& graph, std::optional<TaskId> head) {
    auto cut = graph;
    if (head) leave_at(cut, *head);
    return request_cost(instance, cut, cut.tasks.size());
}

// Nothing where a device cannot reach the next one.
std::optional<Mapping> mapping_of(Instance const& instance, RequestPlan const& plan,
                                  std::vector<DeviceId> const& targets, std::optional<Seconds> max_latency) {
    auto const graph = task_graph(instance, plan);
    auto const exits = instance.exits.size();
    Mapping mapping;
    mapping.devices = plan.devices;
    std::vector<TaskId> heads(exits);
    for (std::size_t t = 0; t < graph.tasks.size(); ++t)
        if (graph.tasks[t].is_head()) heads[static_cast<std::size_t>(graph.tasks[t].exit)] = TaskId(t);
    auto const whole = cost_until(instance, graph, std::nullopt);
    if (!std::isfinite(whole.latency.value())) return std::nullopt;
    double seconds = 0, joules = 0;  // of the heads so far
    for (std::size_t exit = 0; exit <= exits; ++exit) {
        bool const is_end = exit == exits;
        auto const cost = is_end ? whole : cost_until(instance, graph, heads[exit]);
        if (!is_end) {
            Task const& head = graph.tasks[heads[exit].index()];
            mapping.latency.heads.push_back(head.duration.value());
            mapping.energy.heads.push_back(
                (instance.devices[head.device.index()].power_compute * head.duration).value());
        } else {
            mapping.latency.heads.push_back(0);
            mapping.energy.heads.push_back(0);
        }
        seconds += mapping.latency.heads.back();
        joules += mapping.energy.heads.back();
        mapping.latency.chain.push_back(cost.latency.value() - seconds);
        mapping.energy.chain.push_back(energy_of(cost) - joules);
    }
    for (auto const target : targets) {
        auto const& device = instance.devices[target.index()];
        std::vector<double> const none(exits + 1, 0);
        Limit memory{static_cast<double>(device.memory.value()), none};
        Limit macs{static_cast<double>(device.macs.value()), none};
        Limit energy{device.energy.value() - whole.loads[target.index()].energy.value(), none};
        for (Task const& task : graph.tasks) {
            if (task.device != target) continue;
            auto const bytes = static_cast<double>(
                (task.memory + instance.weights_needed(target, task.block, task.weights)).value());
            auto const work = static_cast<double>(task.macs.value());
            if (!task.is_head()) {
                memory.rest -= bytes;
                macs.rest -= work;
                continue;
            }
            auto const exit = static_cast<std::size_t>(task.exit);
            memory.amount[exit] = bytes;
            macs.amount[exit] = work;
            energy.amount[exit] = mapping.energy.heads[exit];
            energy.rest += mapping.energy.heads[exit];
        }
        for (auto* limit : {&memory, &macs, &energy}) mapping.limits.push_back(std::move(*limit));
    }
    if (max_latency)
        mapping.limits.push_back({max_latency->value() - mapping.latency.chain.back(), mapping.latency.heads});
    return mapping;
}

}  // namespace

std::vector<Mapping> mappings(Instance const& instance, std::vector<BlockId> const& dropped,
                              std::vector<DeviceId> const& targets, std::optional<Seconds> max_latency) {
    SKIPSTONE_EXPECT(!targets.empty());
    auto const blocks = instance.blocks.size();
    double count = 1;  // ways to part the blocks into so many runs, empty ones too
    for (std::size_t t = 1; t < targets.size(); ++t)
        count = count * static_cast<double>(blocks + t) / static_cast<double>(t);
    if (count > most_mappings)
        throw InputError("exits search: " + std::to_string(targets.size()) + " devices can share the network's " +
                         std::to_string(blocks) +
                         " blocks in more than 3000 ways; name fewer with --targets A,B, in the order of the chain");
    std::vector<Mapping> found;
    std::set<std::vector<DeviceId>> seen;
    // ends[t]: the first block behind target t's run.
    std::vector<std::size_t> ends(targets.size(), blocks);
    while (true) {
        RequestPlan plan;
        plan.admitted = true;
        plan.dropped = dropped;
        std::size_t target = 0;
        for (std::size_t block = 0; block < blocks; ++block) {
            while (block >= ends[target]) ++target;
            bool const vanished = instance.blocks[block].vanishes_when_dropped() &&
                                  std::ranges::find(dropped, BlockId(block)) != dropped.end();
            plan.devices.push_back(vanished ? DeviceId() : targets[target]);
        }
        if (seen.insert(plan.devices).second)
            if (auto mapping = mapping_of(instance, plan, targets, max_latency)) found.push_back(std::move(*mapping));
        // The next: the last end that can be less becomes so, and those behind it begin anew; the last one stays.
        std::size_t t = targets.size() - 1;
        while (t-- > 0 && ends[t] == (t == 0 ? 0 : ends[t - 1])) {}
        if (t == static_cast<std::size_t>(-1)) break;
        --ends[t];
        for (std::size_t behind = t + 1; behind + 1 < targets.size(); ++behind) ends[behind] = blocks;
    }
    if (found.empty()) throw InputError("exits search: the scenario's links join no devices that could share the network");
    return found;
}

Seconds worst_latency(Mapping const& mapping, std::vector<std::size_t> const& open) {
    double seconds = mapping.latency.chain.back();
    for (auto const exit : open) seconds += mapping.latency.heads[exit];
    return Seconds(seconds);
}

}  // namespace skipstone::exits
