#include "planner/stream.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "model/cost_model.hpp"
#include "planner/capacity.hpp"

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double serialisation(Instance const& instance, Move const& move) {
    auto const rate = instance.links.rate(move.sender, move.receiver);
    return rate.value() > 0 ? (move.bytes.serialised / rate).value() : infinity;
}

// Shares of the requests that count towards Eq. 14 and 17.
std::span<double const> reserved_reach(Instance const& instance, RequestPlan const& plan) {
    return instance.reserve_expected ? reach_of(instance, plan.dropped) : std::span<double const>();
}

}  // namespace

std::vector<double> shares_of_moves(Instance const& instance, TaskGraph const& graph, std::span<double const> reach) {
    std::vector<double> shares(graph.moves.size(), 1);
    for (Feed const& feed : graph.feeds)
        if (feed.move >= 0)
            shares[static_cast<std::size_t>(feed.move)] = share_of(instance, graph.tasks[feed.to.index()], reach);
    return shares;
}

std::vector<Use> uses_of(Instance const& instance, RequestPlan const& plan, TaskGraph const& graph, Medium medium) {
    auto const devices = instance.devices.size();
    auto const reach = reach_of(instance, plan.dropped);
    auto const moves = shares_of_moves(instance, graph, reach);
    std::vector<Use> all;
    all.reserve(graph.tasks.size() + 2 * graph.moves.size());
    for (Task const& task : graph.tasks)
        all.push_back({task.device.index(), expected(task.duration, share_of(instance, task, reach)).value()});
    for (std::size_t m = 0; m < graph.moves.size(); ++m) {
        Move const& move = graph.moves[m];
        double const time = expected(Seconds(serialisation(instance, move)), moves[m]).value();
        auto const sender = move.sender.index(), receiver = move.receiver.index();
        if (medium == Medium::radio) {
            all.push_back({devices + sender, time});
            all.push_back({devices + receiver, time});
        } else {
            all.push_back({devices + sender * devices + receiver, time});
        }
    }
    std::ranges::stable_sort(all, {}, &Use::resource);
    std::vector<Use> merged;
    for (Use const& use : all) {
        if (use.seconds == 0) continue;
        if (!merged.empty() && merged.back().resource == use.resource)
            merged.back().seconds += use.seconds;
        else
            merged.push_back(use);
    }
    return merged;
}

std::vector<std::pair<std::size_t, Joules>> reserved_energy(Instance const& instance, RequestPlan const& plan,
                                                            TaskGraph const& graph) {
    auto const reach = reserved_reach(instance, plan);
    auto const moves = shares_of_moves(instance, graph, reach);
    std::map<std::size_t, Joules> energy;
    auto const add = [&](DeviceId device, Watts power, Seconds time) {
        if (time.value() > 0 && power > Watts(0)) energy[device.index()] += power * time;
    };
    for (Task const& task : graph.tasks)
        add(task.device, instance.devices[task.device.index()].power_compute,
            expected(task.duration, share_of(instance, task, reach)));
    for (std::size_t m = 0; m < graph.moves.size(); ++m) {
        Move const& move = graph.moves[m];
        auto const time = expected(Seconds(serialisation(instance, move)), moves[m]);
        add(move.sender, instance.devices[move.sender.index()].power_transmit, time);
        add(move.receiver, instance.devices[move.receiver.index()].power_receive, time);
    }
    return {energy.begin(), energy.end()};
}

ResourcePrice priced(std::size_t resource, double price, std::size_t devices, Medium medium) {
    if (resource < devices) return {ResourcePrice::Resource::processor, DeviceId(resource), DeviceId(), price};
    auto const place = resource - devices;
    if (medium == Medium::radio) return {ResourcePrice::Resource::radio, DeviceId(place), DeviceId(), price};
    return {ResourcePrice::Resource::link, DeviceId(place / devices), DeviceId(place % devices), price};
}

std::optional<Seconds> period_of(Instance const& instance, std::vector<RequestPlan> const& requests, Medium medium) {
    std::map<std::size_t, double> busy;
    int admitted = 0;
    for (auto const& plan : requests) {
        if (!plan.admitted) continue;
        ++admitted;
        for (Use const& use : uses_of(instance, plan, task_graph(instance, plan), medium))
            busy[use.resource] += use.seconds;
    }
    if (admitted == 0) return std::nullopt;
    double most = 0;
    for (auto const& [resource, seconds] : busy) most = std::max(most, seconds);
    return Seconds(most / admitted);
}

Admission::Admission(Instance const& instance) : instance_(instance), loads_(instance.devices.size()) {}

Binding Admission::admit(RequestPlan const& plan) {
    bool const stream = instance_.goal == Goal::throughput;
    auto const option = std::ranges::find(instance_.accuracy, plan.dropped, &DropOption::dropped);
    if (option == instance_.accuracy.end() || !(option->accuracy >= instance_.accuracy_threshold))
        return Binding::accuracy;
    auto const graph = task_graph(instance_, plan);
    auto const reach = reserved_reach(instance_, plan);
    std::map<std::size_t, Load> changed;
    auto const load_of = [&](DeviceId device) -> Load& {
        return changed.try_emplace(device.index(), loads_[device.index()]).first->second;
    };
    std::map<Holding, Bytes> held;
    for (Task const& task : graph.tasks) {
        InstanceDevice const& device = instance_.devices[task.device.index()];
        if (device.off) return device.off->because == OffBecause::energy ? Binding::energy : Binding::outage;
        Load& load = load_of(task.device);
        load.tasks = stream ? std::max(load.tasks, task.memory) : load.tasks + task.memory;
        load.macs += expected(task.macs, share_of(instance_, task, reach));
        Holding const what{task.device, task.block, task.split, task.part};
        Bytes const weights = instance_.weights_needed(task.device, task.block, task.weights);
        if (weights > Bytes(0) && !held_.contains(what) && held.emplace(what, weights).second) load.weights += weights;
    }
    for (Move const& move : graph.moves)
        if (serialisation(instance_, move) == infinity) return Binding::link;
    for (auto const& [i, energy] : reserved_energy(instance_, plan, graph)) load_of(DeviceId(i)).energy += energy;
    for (auto const& [i, load] : changed) {
        InstanceDevice const& device = instance_.devices[i];
        if (load.tasks + load.weights > device.memory) return Binding::memory;
        if (!stream && load.macs > device.macs) return Binding::compute;
        if (load.energy > Joules(0) && load.energy > device.energy * (1 + energy_rounding)) return Binding::energy;
    }
    for (auto const& [i, load] : changed) loads_[i] = load;
    held_.merge(held);
    return Binding::none;
}

PlanResult admitted_of(Instance const& instance, std::vector<RequestPlan> requests) {
    PlanResult result;
    Admission admission(instance);
    for (RequestPlan& plan : requests) {
        if (!plan.admitted) continue;
        auto const keeps_out = admission.admit(plan);
        if (keeps_out == Binding::none) continue;
        if (result.binding == Binding::none) result.binding = keeps_out;
        plan = RequestPlan();
    }
    result.requests = std::move(requests);
    result.requests.resize(static_cast<std::size_t>(std::max(instance.requests, 0)));
    return result;
}

}  // namespace skipstone::planner
