#include "emulator/recovery.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "model/cost_model.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

void take(InstanceDevice& device, DeviceLoad const& load) {
    device.memory = std::max(Bytes(0), device.memory - load.memory);
    device.macs = std::max(Macs(0), device.macs - load.macs);
    device.energy = std::max(Joules(0), device.energy - load.energy);
}

// Takes what an event that was in vain has used: energy, and of a computation macs. Its memory is free again, because
// the device that held it has failed.
void take(InstanceDevice& device, Event const& event) {
    Watts const power = event.kind == EventKind::compute    ? device.power_compute
                        : event.kind == EventKind::transmit ? device.power_transmit
                                                            : device.power_receive;
    take(device,
         DeviceLoad{.memory = {}, .macs = Macs(event.macs), .energy = power * Seconds(event.end_s - event.begin_s)});
}

std::vector<BlockId> from_block(std::vector<BlockId> const& blocks, std::size_t first) {
    std::vector<BlockId> result;
    for (BlockId const block : blocks)
        if (block.index() >= first) result.push_back(BlockId(block.index() - first));
    return result;
}

// Of the requests that get to block `first`, the share that gets to each block from there on.
std::vector<double> reach_from(std::vector<double> const& reach, std::size_t first) {
    if (reach.empty() || reach[first] == 0) return {};  // 0: this one did, and nobody knows more of such requests
    std::vector<double> result(reach.begin() + static_cast<std::ptrdiff_t>(first), reach.end());
    for (double& share : result) share /= reach[first];
    return result;
}

}  // namespace

Instance without_outages(Instance instance, RoundFaults const& faults, Seconds time) {
    std::vector<DeviceId> there;
    for (std::size_t i = 0; i < instance.devices.size(); ++i) {
        if (!faults.down(DeviceId(i), time)) {
            there.push_back(DeviceId(i));
            continue;
        }
        instance.devices[i].switch_off(OffBecause::outage);
    }
    if (!faults.links_fail()) return instance;
    std::set<std::pair<DeviceId, DeviceId>> cut;
    for (std::size_t i = 0; i < there.size(); ++i)
        for (std::size_t k = i + 1; k < there.size(); ++k)
            if (faults.down(there[i], there[k], time)) cut.emplace(there[i], there[k]);
    instance.cut_links(std::move(cut));
    return instance;
}

Recovery::Recovery(Scenario const& scenario, Instance const& instance, PlanResult const& plan,
                   RoundFaults const& faults, planner::Options const& options)
    : scenario_(scenario),
      instance_(instance),
      faults_(faults),
      options_(options),
      plans_(plan.requests),
      accounted_(plans_.size(), 0) {
    options_.conditions = nullptr;
    options_.ready.clear();
    // What was down when the round began may be back.
    for (InstanceDevice& device : instance_.devices)
        if (device.off && device.off->because == OffBecause::outage) device.switch_on();
    instance_.mend_links();
}

TaskGraph Recovery::operator()(timeline::Job const& job, timeline::Loss const& loss) {
    auto const from = starts(job, loss);
    for (Remedy const remedy : scenario_.faults.remedies)
        for (Start const& start : from) {
            auto plan = remedy == Remedy::skip ? skip(start, job, loss) : replan(start, job, loss);
            if (!plan) continue;
            auto const earlier =
                std::ranges::count_if(revisions_, [&](Revision const& r) { return r.request == job.request; });
            revisions_.push_back({static_cast<int>(earlier) + 1, job.request, *plan});
            in_vain_ = vain_work(job, loss);
            accounted_[job.request.index()] = loss.in_vain.size();
            plans_[job.request.index()] = *plan;
            return task_graph(instance_, *plan);
        }
    return {};
}

// How many of a plan's tasks, the first ones, there are with the heads of exits that judge the last one's block.
std::size_t Recovery::with_heads(RequestPlan const& plan, std::size_t tasks) const {
    if (instance_.exits.empty()) return tasks;
    auto const graph = task_graph(instance_, plan);
    BlockId const block = graph.tasks[tasks - 1].block;
    while (tasks < graph.tasks.size() && graph.tasks[tasks].is_head() && exit_of(graph.tasks[tasks]).after == block)
        ++tasks;
    return tasks;
}

// From where the request can go on, the best first: where a tensor is whole, and judged; or each device that could join
// the parts that are kept.
std::vector<Recovery::Start> Recovery::starts(timeline::Job const& job, timeline::Loss const& loss) const {
    Start start{plans_[job.request.index()], *loss.kept, 0, job.source};
    if (start.tasks == 0) return {start};
    Task const& last = job.work.tasks[start.tasks - 1];
    start.first = (last.is_head() ? exit_of(last).after : last.block).index() + 1;
    start.holder = last.device;
    if (last.is_head()) return {start};
    if (last.part < 0) {
        start.tasks = with_heads(start.plan, start.tasks);
        return {start};
    }
    start.tasks = with_heads(start.plan, start.tasks + 1);  // the parts of the block, joining them, and judging that
    std::vector<std::pair<Seconds, Start>> ranked;
    for (std::size_t d = 0; d < instance_.devices.size(); ++d) {
        DeviceId const device(d);
        if (lost(loss, device)) continue;
        start.holder = start.plan.devices[last.block.index()] = device;
        Seconds whole_at(0);
        for (std::size_t t = *loss.kept; t-- > 0 && job.work.tasks[t].block == last.block;) {
            DeviceId const part = job.work.tasks[t].device;
            bool const cut = part != device && faults_.down(std::min(part, device), std::max(part, device), loss.time);
            auto const way = instance_.blocks[last.block.index()].find(last.split);
            auto const bytes = way->parts[static_cast<std::size_t>(job.work.tasks[t].part)].output_bytes;
            whole_at = std::max(whole_at, cut ? Seconds(std::numeric_limits<double>::infinity())
                                              : hop_time(instance_, bytes, part, device));
        }
        whole_at += join_time(instance_, last.block, last.split, device);
        for (InstanceExit const& exit : instance_.exits)
            if (exit.after == last.block) whole_at += head_time(instance_, exit, device);
        if (std::isfinite(whole_at.value()) && can_join(start, job, loss)) ranked.emplace_back(whole_at, start);
    }
    std::ranges::stable_sort(ranked, {}, &std::pair<Seconds, Start>::first);
    std::vector<Start> result;
    for (auto& [time, from] : ranked) result.push_back(std::move(from));
    return result;
}

bool Recovery::lost(timeline::Loss const& loss, DeviceId device) const {
    return device == loss.device || faults_.down(device, loss.time);
}

std::optional<RequestPlan> Recovery::skip(Start const& start, timeline::Job const& job,
                                          timeline::Loss const& loss) const {
    RequestPlan plan = start.plan;
    bool goes_on = start.first == plan.devices.size();
    for (std::size_t block = start.first; block < plan.devices.size(); ++block) {
        DeviceId& device = plan.devices[block];
        if (!device) continue;
        auto const split = std::ranges::find(plan.splits, BlockId(block), &SplitBlock::block);
        bool const part_lost = split != plan.splits.end() &&
                               std::ranges::any_of(split->parts, [&](DeviceId part) { return lost(loss, part); });
        if (!part_lost && !lost(loss, device)) {
            goes_on = true;
            continue;
        }
        if (!instance_.blocks[block].vanishes_when_dropped()) return std::nullopt;
        if (std::ranges::binary_search(plan.dropped, BlockId(block))) return std::nullopt;
        plan.dropped.insert(std::ranges::upper_bound(plan.dropped, BlockId(block)), BlockId(block));
        if (split != plan.splits.end()) plan.splits.erase(split);
        device = DeviceId();
    }
    if (!goes_on) return std::nullopt;
    if (start.first < plan.devices.size()) {
        PlanResult ahead;
        auto& request = ahead.requests.emplace_back();
        request.admitted = true;
        request.dropped = from_block(plan.dropped, start.first);
        request.devices.assign(plan.devices.begin() + static_cast<std::ptrdiff_t>(start.first), plan.devices.end());
        for (SplitBlock const& split : plan.splits)
            if (split.block.index() >= start.first)
                request.splits.push_back({BlockId(split.block.index() - start.first), split.split, split.parts});
        if (!violations(rest_of(start, job, loss), ahead).empty()) return std::nullopt;
    }
    plan.accuracy = std::ranges::find(instance_.accuracy, plan.dropped, &DropOption::dropped)->accuracy;
    return plan;
}

// What was done in vain by now, of requests that went on since and of this one. What failed requests did is part of
// their plans, which go on counting.
std::vector<Event> Recovery::vain_work(timeline::Job const& job, timeline::Loss const& loss) const {
    auto work = in_vain_;
    std::ranges::copy_if(loss.in_vain.subspan(accounted_[job.request.index()]), std::back_inserter(work),
                         [&](Event const& event) { return event.request == job.request.value(); });
    return work;
}

// What is left of the devices when the other requests do what they are to do, and this one the first tasks of a plan.
Instance Recovery::left_over(RequestPlan const& plan, std::size_t tasks, timeline::Job const& job,
                             timeline::Loss const& loss) const {
    Instance rest = instance_;
    std::set<std::tuple<DeviceId, BlockId, Split, int>> parts;  // whose weights are there
    // What the first tasks of a graph use.
    auto const use = [&](TaskGraph const& graph, std::size_t first_tasks, std::span<double const> reach) {
        auto const cost = request_cost(instance_, graph, first_tasks, reach);
        for (std::size_t i = 0; i < cost.loads.size(); ++i) take(rest.devices[i], cost.loads[i]);
        if (rest.memory == MemoryModel::paper) return;
        for (std::size_t t = 0; t < first_tasks; ++t) {
            Task const& task = graph.tasks[t];
            auto& device = rest.devices[task.device.index()];
            bool const is_part = task.part >= 0;
            if (is_part && !parts.emplace(task.device, task.block, task.split, task.part).second) continue;
            take(device, DeviceLoad{.memory = rest.weights_needed(task.device, task.block, task.weights)});
            if (task.split.is_whole()) device.holds.insert(task.block);
        }
    };
    for (std::size_t r = 0; r < plans_.size(); ++r) {
        if (!plans_[r].admitted || r == job.request.index()) continue;
        auto const graph = task_graph(instance_, plans_[r]);
        auto const reach = reach_of(instance_, plans_[r].dropped);
        use(graph, graph.tasks.size(), instance_.reserve_expected ? reach : std::span<double const>());
    }
    use(task_graph(instance_, plan), tasks, {});
    for (Event const& event : vain_work(job, loss)) take(rest.devices[static_cast<std::size_t>(event.device)], event);
    return rest;
}

// Whether the devices have what moving the parts to the holder, and joining and judging them there, takes.
bool Recovery::can_join(Start const& start, timeline::Job const& job, timeline::Loss const& loss) const {
    auto const graph = task_graph(instance_, start.plan);
    auto const with = request_cost(instance_, graph, start.tasks).loads;
    auto const without = request_cost(instance_, graph, *loss.kept).loads;
    auto const left = left_over(start.plan, *loss.kept, job, loss);
    for (std::size_t i = 0; i < left.devices.size(); ++i)
        if (with[i].macs - without[i].macs > left.devices[i].macs ||
            with[i].energy - without[i].energy > left.devices[i].energy)
            return false;
    return true;
}

// The planning problem of one request's rest: blocks from `first` on, with what is left of the devices and links that
// are there now.
Instance Recovery::rest_of(Start const& start, timeline::Job const& job, timeline::Loss const& loss) const {
    RequestPlan const& plan = start.plan;
    std::size_t const first = start.first;
    Instance rest = left_over(plan, start.tasks, job, loss);
    rest.requests = 1;
    rest.source = start.holder;
    if (first > 0) {
        auto const graph = task_graph(instance_, plan);
        std::size_t whole = start.tasks - 1;
        while (!graph.tasks[whole].is_whole()) --whole;
        rest.input = hop_bytes(instance_, graph.tasks[whole].block).serialised;
        rest.before = instance_.blocks[first - 1].output;
    }
    rest.blocks.erase(rest.blocks.begin(), rest.blocks.begin() + static_cast<std::ptrdiff_t>(first));
    std::erase_if(rest.exits, [&](InstanceExit const& exit) { return exit.after.index() < first; });
    for (InstanceExit& exit : rest.exits) exit.after = BlockId(exit.after.index() - first);
    for (InstanceDevice& device : rest.devices) {
        if (!device.compute.empty())
            device.compute.erase(device.compute.begin(), device.compute.begin() + static_cast<std::ptrdiff_t>(first));
        std::set<BlockId> holds;  // heads keep their numbers
        for (BlockId const block : device.holds)
            if (block.index() >= instance_.blocks.size())
                holds.insert(block);
            else if (block.index() >= first)
                holds.insert(BlockId(block.index() - first));
        device.holds = std::move(holds);
        std::map<std::pair<BlockId, Split>, Seconds> parts;
        for (auto const& [key, time] : device.part_compute)
            if (key.first.index() >= first) parts[{BlockId(key.first.index() - first), key.second}] = time;
        device.part_compute = std::move(parts);
    }

    // What the table knows of drops that go with those behind us. Planners expect an entry for dropping nothing; where
    // the table has none, its accuracy passes no threshold.
    std::vector<BlockId> const behind(plan.dropped.begin(), std::ranges::lower_bound(plan.dropped, BlockId(first)));
    rest.accuracy = {{{}, -1}};
    for (DropOption const& option : instance_.accuracy) {
        if (!std::ranges::equal(behind, std::vector<BlockId>(option.dropped.begin(),
                                                             std::ranges::lower_bound(option.dropped, BlockId(first)))))
            continue;
        DropOption ahead{from_block(option.dropped, first), option.accuracy, reach_from(option.reach, first)};
        if (ahead.dropped.empty())
            rest.accuracy.front() = ahead;
        else
            rest.accuracy.push_back(std::move(ahead));
    }
    return without_outages(std::move(rest), faults_, loss.time);
}

std::optional<RequestPlan> Recovery::replan(Start const& start, timeline::Job const& job,
                                            timeline::Loss const& loss) const {
    RequestPlan plan = start.plan;
    if (start.first == plan.devices.size()) return plan;  // nothing is left to plan
    Instance const rest = rest_of(start, job, loss);
    auto const result = planner::plan(scenario_.planner.name, rest, options_);
    RequestPlan const& ahead = result.requests.front();
    if (!ahead.admitted) return std::nullopt;
    auto const shifted = [&](BlockId block) { return BlockId(block.index() + start.first); };
    plan.dropped.erase(std::ranges::lower_bound(plan.dropped, BlockId(start.first)), plan.dropped.end());
    for (BlockId const block : ahead.dropped) plan.dropped.push_back(shifted(block));
    std::ranges::copy(ahead.devices, plan.devices.begin() + static_cast<std::ptrdiff_t>(start.first));
    std::erase_if(plan.splits, [&](SplitBlock const& split) { return split.block.index() >= start.first; });
    for (SplitBlock const& split : ahead.splits)
        plan.splits.push_back({shifted(split.block), split.split, split.parts});
    plan.accuracy = ahead.accuracy;
    return plan;
}

}  // namespace skipstone::emulator
