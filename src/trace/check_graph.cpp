#include "trace/check_graph.hpp"

#include <algorithm>

#include "model/cost_model.hpp"

namespace skipstone::trace {

namespace {

Instance instance_of(Header const& header) {
    Instance instance;
    for (auto const& row : header.blocks)
        if (row.after < 0)
            instance.blocks.push_back({row.name.str(), Macs(row.macs), Bytes(row.memory_bytes), Bytes(row.output_bytes),
                                       Bytes(row.weight_bytes), Macs(row.skip_macs), Bytes(row.skip_memory_bytes)});
        else
            instance.exits.push_back({BlockId(row.after), BlockId(row.block), row.name.str(), row.threshold,
                                      Macs(row.macs), Bytes(row.memory_bytes), Bytes(row.weight_bytes)});
    for (auto const& row : header.devices)
        instance.devices.push_back({.name = row.name.str(), .mac_rate = MacRate(row.mac_rate), .compute = {}});
    return instance;
}

// A way to split a block of which nothing is known but how many parts it has.
InstanceSplit unknown(Split split) {
    Region const somewhere{{0, 1}, {0, 1}, {0, 1}};
    return {split, std::vector<InstancePart>(static_cast<std::size_t>(split.parts), {somewhere, somewhere}), Macs(0)};
}

}  // namespace

PlannedWork::PlannedWork(Header const& header, Instance const* known)
    : instance_(known ? *known : instance_of(header)), knows_parts_(known != nullptr) {}

TaskGraph PlannedWork::graph(RequestPlan const& plan, std::optional<DeviceId> source) {
    instance_.source = source;
    std::vector<Macs> skip_macs;
    for (BlockId const block : plan.dropped) {
        auto& what = instance_.blocks[block.index()];
        skip_macs.push_back(what.skip_macs);
        what.skip_macs = plan.devices[block.index()] ? std::max(what.skip_macs, Macs(1)) : Macs(0);
    }
    for (auto const& way : plan.splits) {
        auto& block = instance_.blocks[way.block.index()];
        if (!block.find(way.split) || block.find(way.split)->parts.size() != way.parts.size())
            block.splits.insert(block.splits.begin(), unknown(way.split));
    }
    auto graph = task_graph(instance_, plan);
    for (std::size_t i = 0; i < plan.dropped.size(); ++i)
        instance_.blocks[plan.dropped[i].index()].skip_macs = skip_macs[i];
    return graph;
}

Macs PlannedWork::reserved(RequestPlan const& plan, Task const& task) const {
    auto const known = std::ranges::find(instance_.accuracy, plan.dropped, &DropOption::dropped);
    if (!instance_.reserve_expected || known == instance_.accuracy.end()) return task.macs;
    return expected(task.macs, share_of(instance_, task, known->reach));
}

bool PlannedWork::leave(TaskGraph& graph, std::int32_t exit) const {
    if (exit < 0) return exit == -1;
    auto const head = std::ranges::find_if(graph.tasks, [&](Task const& task) {
        return task.is_head() && instance_.exits[static_cast<std::size_t>(task.exit)].after == BlockId(exit);
    });
    if (head == graph.tasks.end()) return false;
    leave_at(graph, TaskId(static_cast<std::size_t>(head - graph.tasks.begin())));
    return true;
}

}  // namespace skipstone::trace
