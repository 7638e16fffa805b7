#include "emulator/recovery.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "model/cost_model.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

// Where the tensor is that a request goes on from; none: the image, and it is everywhere.
std::optional<DeviceId> holder_of(timeline::Job const& job, timeline::Loss const& loss) {
    return *loss.kept == 0 ? job.source : std::optional(job.tasks[*loss.kept - 1].device);
}

// The first block after what was kept.
std::size_t first_block(timeline::Job const& job, timeline::Loss const& loss) {
    return *loss.kept == 0 ? 0 : job.tasks[*loss.kept - 1].block.index() + 1;
}

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

std::vector<timeline::Task> Recovery::operator()(timeline::Job const& job, timeline::Loss const& loss) {
    for (Remedy const remedy : scenario_.faults.remedies) {
        auto plan = remedy == Remedy::skip ? skip(job, loss) : replan(job, loss);
        if (!plan) continue;
        auto const earlier =
            std::ranges::count_if(revisions_, [&](Revision const& r) { return r.request == job.request; });
        revisions_.push_back({static_cast<int>(earlier) + 1, job.request, *plan});
        in_vain_ = vain_work(job, loss);
        accounted_[job.request.index()] = loss.in_vain.size();
        plans_[job.request.index()] = *plan;
        PlanResult one;
        one.requests.push_back(*std::move(plan));
        auto tasks = timeline::jobs_of(instance_, one, {loss.time}, loss.time).front().tasks;
        tasks.erase(tasks.begin(), tasks.begin() + static_cast<std::ptrdiff_t>(*loss.kept));
        return tasks;
    }
    return {};
}

bool Recovery::lost(timeline::Loss const& loss, DeviceId device) const {
    return device == loss.device || faults_.down(device, loss.time);
}

std::optional<RequestPlan> Recovery::skip(timeline::Job const& job, timeline::Loss const& loss) const {
    RequestPlan plan = plans_[job.request.index()];
    std::size_t const first = first_block(job, loss);
    bool goes_on = false;
    for (std::size_t block = first; block < plan.devices.size(); ++block) {
        DeviceId& device = plan.devices[block];
        if (!device) continue;
        if (!lost(loss, device)) {
            goes_on = true;
            continue;
        }
        if (!instance_.blocks[block].vanishes_when_dropped()) return std::nullopt;
        if (std::ranges::binary_search(plan.dropped, BlockId(block))) return std::nullopt;
        plan.dropped.insert(std::ranges::upper_bound(plan.dropped, BlockId(block)), BlockId(block));
        device = DeviceId();
    }
    if (!goes_on) return std::nullopt;
    PlanResult ahead;
    ahead.requests.push_back(
        {.admitted = true,
         .dropped = from_block(plan.dropped, first),
         .accuracy = 0,
         .latency = {},
         .devices = {plan.devices.begin() + static_cast<std::ptrdiff_t>(first), plan.devices.end()}});
    if (!violations(rest_of(job, loss, first), ahead).empty()) return std::nullopt;
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

// The planning problem of one request's rest: blocks from `first` on, with what is left of the devices and links that
// are there now.
Instance Recovery::rest_of(timeline::Job const& job, timeline::Loss const& loss, std::size_t first) const {
    RequestPlan const& plan = plans_[job.request.index()];
    Instance rest = instance_;
    // What the first tasks of a plan use.
    auto const use = [&](TaskGraph const& graph, std::size_t tasks) {
        auto const cost = request_cost(instance_, graph, tasks);
        for (std::size_t i = 0; i < cost.loads.size(); ++i) take(rest.devices[i], cost.loads[i]);
        if (rest.memory == MemoryModel::paper) return;
        for (std::size_t t = 0; t < tasks; ++t) {
            Task const& task = graph.tasks[t];
            auto& device = rest.devices[task.device.index()];
            take(device, DeviceLoad{.memory = rest.weights_needed(task.device, task.block, task.weights)});
            if (task.split.is_whole()) device.holds.insert(task.block);
        }
    };
    auto const use_all = [&](TaskGraph const& graph) { use(graph, graph.tasks.size()); };
    for (std::size_t r = 0; r < plans_.size(); ++r)
        if (plans_[r].admitted && r != job.request.index()) use_all(task_graph(instance_, plans_[r]));
    use(task_graph(instance_, plan), *loss.kept);
    for (Event const& event : vain_work(job, loss)) take(rest.devices[static_cast<std::size_t>(event.device)], event);
    rest.requests = 1;
    rest.source = holder_of(job, loss);
    if (first > 0) {
        rest.input = hop_bytes(instance_, job.tasks[*loss.kept - 1].block).serialised;
        rest.before = instance_.blocks[first - 1].output;
    }
    rest.blocks.erase(rest.blocks.begin(), rest.blocks.begin() + static_cast<std::ptrdiff_t>(first));
    for (InstanceDevice& device : rest.devices) {
        if (!device.compute.empty())
            device.compute.erase(device.compute.begin(), device.compute.begin() + static_cast<std::ptrdiff_t>(first));
        auto const ahead = from_block({device.holds.begin(), device.holds.end()}, first);
        device.holds = {ahead.begin(), ahead.end()};
    }

    // What the table knows of drops that go with those behind us. Planners expect an entry for dropping nothing; where
    // the table has none, its accuracy passes no threshold.
    std::vector<BlockId> const behind(plan.dropped.begin(), std::ranges::lower_bound(plan.dropped, BlockId(first)));
    rest.accuracy = {{{}, -1}};
    for (DropOption const& option : instance_.accuracy) {
        if (!std::ranges::equal(behind, std::vector<BlockId>(option.dropped.begin(),
                                                             std::ranges::lower_bound(option.dropped, BlockId(first)))))
            continue;
        DropOption ahead{from_block(option.dropped, first), option.accuracy};
        if (ahead.dropped.empty())
            rest.accuracy.front() = ahead;
        else
            rest.accuracy.push_back(std::move(ahead));
    }
    return without_outages(std::move(rest), faults_, loss.time);
}

std::optional<RequestPlan> Recovery::replan(timeline::Job const& job, timeline::Loss const& loss) const {
    std::size_t const first = first_block(job, loss);
    Instance const rest = rest_of(job, loss, first);
    auto const result = planner::plan(scenario_.planner.name, rest, options_);
    RequestPlan const& ahead = result.requests.front();
    if (!ahead.admitted) return std::nullopt;
    RequestPlan plan = plans_[job.request.index()];
    plan.dropped.erase(std::ranges::lower_bound(plan.dropped, BlockId(first)), plan.dropped.end());
    for (BlockId const block : ahead.dropped) plan.dropped.push_back(BlockId(block.index() + first));
    std::ranges::copy(ahead.devices, plan.devices.begin() + static_cast<std::ptrdiff_t>(first));
    plan.accuracy = ahead.accuracy;
    auto const next = std::ranges::find_if(ahead.devices, [](DeviceId device) { return bool(device); });
    SKIPSTONE_ENSURE(next != ahead.devices.end() && !faults_.down(*next, loss.time));
    return plan;
}

}  // namespace skipstone::emulator
