#include "model/cost_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <sstream>
#include <tuple>
#include <utility>

#include "units/error.hpp"

namespace skipstone {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double rounding = 1e-9;  // relative, by which a capacity may be passed

// Amounts that are not negative; what would pass the largest number that there is stays there.
template <class Q>
Q capped_sum(Q a, Q b) {
    constexpr Q most(std::numeric_limits<typename Q::rep>::max());
    return b > most - a ? most : a + b;
}

Seconds serialisation(Instance const& instance, Move const& move) {
    auto const rate = instance.links.rate(move.sender, move.receiver);
    return rate.value() > 0 ? move.bytes.serialised / rate : Seconds(infinity);
}

Macs macs_of(InstanceBlock const& block, BlockMode mode) {
    return mode == BlockMode::skip ? block.skip_macs : block.macs;
}

Joules energy_of(Watts power, Seconds time) {
    return time.value() == 0 ? Joules(0) : power * time;
}

Joules expected(Joules energy, double reach) {
    return std::isinf(energy.value()) ? energy : energy * reach;
}

Bytes expected(Bytes bytes, double reach) {
    if (reach == 1) return bytes;
    return Bytes(static_cast<std::int64_t>(std::ceil(reach * static_cast<double>(bytes.value()))));
}

// The shares of requests that get to the tasks, and to those that moves lead to; 1 where reach is empty.
class Shares {
  public:
    Shares(Instance const& instance, TaskGraph const& graph, std::span<double const> reach)
        : instance_(instance), graph_(graph), reach_(reach) {
        if (reach.empty()) return;
        moves_.resize(graph.moves.size());
        for (Feed const& feed : graph.feeds)
            if (feed.move >= 0) moves_[static_cast<std::size_t>(feed.move)] = of_task(feed.to.index());
    }
    double of_task(std::size_t task) const { return share_of(instance_, graph_.tasks[task], reach_); }
    double of_move(std::size_t move) const { return moves_.empty() ? 1 : moves_[move]; }

  private:
    Instance const& instance_;
    TaskGraph const& graph_;
    std::span<double const> reach_;
    std::vector<double> moves_;
};

// Adds what the first tasks of a request, and the moves to them, use of each device to loads.
void add_loads(Instance const& instance, TaskGraph const& graph, std::size_t tasks, Shares const& shares,
               std::vector<DeviceLoad>& loads) {
    for (std::size_t t = 0; t < tasks; ++t) {
        Task const& task = graph.tasks[t];
        double const share = shares.of_task(t);
        auto& load = loads.at(task.device.index());
        load.memory = capped_sum(load.memory, task.memory);
        load.macs = capped_sum(load.macs, expected(task.macs, share));
        load.energy += expected(energy_of(instance.devices[task.device.index()].power_compute, task.duration), share);
    }
    // Moves are made in the order of the tasks that they lead to.
    std::int32_t moves = 0;
    for (Feed const& feed : graph.feeds)
        if (feed.to.index() < tasks) moves = std::max(moves, feed.move + 1);
    for (std::size_t m = 0; m < static_cast<std::size_t>(moves); ++m) {
        Move const& move = graph.moves[m];
        double const share = shares.of_move(m);
        auto const time = serialisation(instance, move);
        loads.at(move.sender.index()).energy +=
            expected(energy_of(instance.devices[move.sender.index()].power_transmit, time), share);
        loads.at(move.receiver.index()).energy +=
            expected(energy_of(instance.devices[move.receiver.index()].power_receive, time), share);
    }
}

Bytes shared_bytes(TaskGraph const& graph, Shares const& shares) {
    Bytes sum{};
    for (std::size_t m = 0; m < graph.moves.size(); ++m)
        sum = capped_sum(sum, expected(graph.moves[m].bytes.shared, shares.of_move(m)));
    return sum;
}

DropOption const* option_of(Instance const& instance, std::vector<BlockId> const& dropped) {
    auto const found = std::ranges::find(instance.accuracy, dropped, &DropOption::dropped);
    return found == instance.accuracy.end() ? nullptr : &*found;
}

double accuracy_of(Instance const& instance, RequestPlan const& plan) {
    auto const* option = option_of(instance, plan.dropped);
    return option ? option->accuracy : std::numeric_limits<double>::quiet_NaN();
}

void split_violations(Instance const& instance, RequestPlan const& plan, std::string const& who,
                      std::vector<std::string>& found) {
    if (!std::ranges::is_sorted(plan.splits, std::ranges::less_equal(), &SplitBlock::block) && plan.splits.size() > 1)
        found.push_back(who + " lists its split blocks out of order");
    for (SplitBlock const& way : plan.splits) {
        if (way.block.value() < 0 || way.block.index() >= instance.blocks.size()) {
            found.push_back(who + " splits block number " + std::to_string(way.block.value()) +
                            ", which does not exist");
            continue;
        }
        InstanceBlock const& block = instance.blocks[way.block.index()];
        if (std::ranges::find(plan.dropped, way.block) != plan.dropped.end())
            found.push_back(who + " splits the dropped block " + block.name);
        InstanceSplit const* const split = block.find(way.split);
        if (!split)
            found.push_back(who + " splits block " + block.name + " by " + to_string(way.split) +
                            ", which it cannot be");
        else if (way.parts.size() != split->parts.size())
            found.push_back(who + " has " + std::to_string(way.parts.size()) + " devices for the " +
                            std::to_string(split->parts.size()) + " parts of block " + block.name);
        if (std::ranges::any_of(way.parts, [&](DeviceId d) { return !d || d.index() >= instance.devices.size(); }))
            found.push_back(who + " has no device for a part of block " + block.name);
    }
}

// What is wrong with the shape of one request's plan; empty when its loads can be computed.
std::vector<std::string> shape_violations(Instance const& instance, RequestPlan const& plan, std::string const& who) {
    std::vector<std::string> found;
    auto const blocks = instance.blocks.size();
    if (!plan.admitted) {
        if (std::ranges::any_of(plan.devices, [](DeviceId d) { return bool(d); }))
            found.push_back(who + " is rejected, but has devices");
        return found;
    }
    if (plan.devices.size() != blocks) {
        found.push_back(who + " has " + std::to_string(plan.devices.size()) + " devices for " + std::to_string(blocks) +
                        " blocks");
        return found;
    }
    if (!std::ranges::is_sorted(plan.dropped)) found.push_back(who + " lists its dropped blocks out of order");
    for (BlockId const block : plan.dropped)
        if (block.value() < 0 || block.index() >= blocks) {
            found.push_back(who + " drops block number " + std::to_string(block.value()) + ", which does not exist");
            return found;
        }
    for (std::size_t j = 0; j < blocks; ++j) {
        bool const vanished = instance.blocks[j].vanishes_when_dropped() &&
                              std::ranges::find(plan.dropped, BlockId(j)) != plan.dropped.end();
        DeviceId const device = plan.devices[j];
        if (vanished && device) found.push_back(who + " has a device for the dropped block " + instance.blocks[j].name);
        if (!vanished && (!device || device.index() >= instance.devices.size()))
            found.push_back(who + " has no device for block " + instance.blocks[j].name + " (Eq. 15)");
    }
    split_violations(instance, plan, who, found);
    return found;
}

}  // namespace

Seconds compute_time(Instance const& instance, BlockId block, BlockMode mode, DeviceId device) {
    auto const& where = instance.devices[device.index()];
    auto const& what = instance.blocks[block.index()];
    if (mode != BlockMode::skip && !where.compute.empty() && where.compute[block.index()])
        return *where.compute[block.index()];
    auto const macs = macs_of(what, mode);
    return macs.value() == 0 ? Seconds(0) : macs / where.mac_rate;
}

Seconds part_time(Instance const& instance, BlockId block, Split split, std::size_t part, DeviceId device) {
    auto const& where = instance.devices[device.index()];
    auto const& what = instance.blocks[block.index()];
    if (auto const measured = where.part_compute.find({block, split}); measured != where.part_compute.end())
        return measured->second;
    Macs const macs = what.find(split)->parts[part].macs;
    if (macs == Macs(0)) return Seconds(0);
    if (!where.compute.empty() && where.compute[block.index()] && what.macs > Macs(0))
        return *where.compute[block.index()] *
               (static_cast<double>(macs.value()) / static_cast<double>(what.macs.value()));
    return macs / where.mac_rate;
}

Seconds join_time(Instance const& instance, BlockId block, Split split, DeviceId device) {
    Macs const macs = instance.blocks[block.index()].find(split)->join_macs;
    return macs == Macs(0) ? Seconds(0) : macs / instance.devices[device.index()].mac_rate;
}

Seconds head_time(Instance const& instance, InstanceExit const& exit, DeviceId device) {
    auto const& where = instance.devices[device.index()];
    if (auto const measured = where.head_compute.find(exit.head); measured != where.head_compute.end())
        return measured->second;
    return exit.macs / where.mac_rate;
}

Seconds expected(Seconds time, double reach) {
    return std::isinf(time.value()) ? time : time * reach;
}

Macs expected(Macs macs, double reach) {
    if (reach == 1) return macs;
    return Macs(static_cast<std::int64_t>(std::ceil(reach * static_cast<double>(macs.value()))));
}

HopBytes hop_bytes(Instance const& instance, BlockId block) {
    auto const output = instance.blocks[block.index()].output;
    auto const input = block.index() == 0 ? instance.before : std::optional(instance.blocks[block.index() - 1].output);
    if (instance.residual == Residual::fused || !input) return {output, output};
    return {std::max(output, *input), output + *input};
}

Seconds hop_time(Instance const& instance, Bytes serialised, DeviceId from, DeviceId to) {
    if (from == to) return Seconds(0);
    auto const rate = instance.links.rate(from, to);
    if (!(rate.value() > 0)) return Seconds(infinity);
    return serialised / rate + instance.links.latency(from, to);
}

std::span<double const> reach_of(Instance const& instance, std::vector<BlockId> const& dropped) {
    auto const* option = option_of(instance, dropped);
    return option ? std::span<double const>(option->reach) : std::span<double const>();
}

RequestCost request_cost(Instance const& instance, RequestPlan const& plan) {
    auto const graph = task_graph(instance, plan);
    return request_cost(instance, graph, graph.tasks.size());
}

RequestCost expected_cost(Instance const& instance, RequestPlan const& plan) {
    auto const graph = task_graph(instance, plan);
    return request_cost(instance, graph, graph.tasks.size(), reach_of(instance, plan.dropped));
}

RequestCost request_cost(Instance const& instance, TaskGraph const& graph, std::size_t tasks,
                         std::span<double const> reach) {
    Shares const shares(instance, graph, reach);
    RequestCost cost;
    cost.latency = expected_latency(instance, graph, reach);
    cost.shared = shared_bytes(graph, shares);
    cost.loads.resize(instance.devices.size());
    add_loads(instance, graph, tasks, shares, cost.loads);
    return cost;
}

double objective_of(Instance const& instance, std::vector<RequestPlan> const& requests) {
    double latency = 0, loss = 0;
    int admitted = 0;
    for (auto const& plan : requests) {
        if (!plan.admitted) continue;
        latency += expected_latency(instance, task_graph(instance, plan), reach_of(instance, plan.dropped)).value();
        loss += 1 - accuracy_of(instance, plan);
        ++admitted;
    }
    if (admitted == 0) return std::numeric_limits<double>::quiet_NaN();
    return instance.alpha * (latency / admitted) / instance.reference_latency.value() +
           instance.beta * (loss / admitted);
}

void evaluate(Instance const& instance, PlanResult& result) {
    result.requested = instance.requests;
    result.admitted = 0;
    result.shared = Bytes(0);
    double latency = 0, accuracy = 0;
    std::vector<DeviceLoad> loads(instance.devices.size());
    for (auto& plan : result.requests) {
        plan.latency = Seconds(0);
        plan.accuracy = 0;
        if (!plan.admitted) continue;
        auto const graph = task_graph(instance, plan);
        auto const reach = reach_of(instance, plan.dropped);
        Shares const shares(instance, graph, reach);
        plan.latency = expected_latency(instance, graph, reach);
        plan.accuracy = accuracy_of(instance, plan);
        result.shared = capped_sum(result.shared, shared_bytes(graph, shares));
        add_loads(instance, graph, graph.tasks.size(), shares, loads);
        latency += plan.latency.value();
        accuracy += plan.accuracy;
        ++result.admitted;
    }
    result.energy.clear();
    result.energy.reserve(loads.size());
    for (auto const& load : loads) result.energy.push_back(load.energy);
    if (result.admitted == 0) {
        result.objective.reset();
        result.mean_latency = Seconds(0);
        result.mean_accuracy = 0;
        return;
    }
    result.mean_latency = Seconds(latency / result.admitted);
    result.mean_accuracy = accuracy / result.admitted;
    result.objective = objective_of(instance, result.requests);
}

std::vector<std::string> violations(Instance const& instance, PlanResult const& result) {
    std::vector<std::string> found;
    if (result.requests.size() != static_cast<std::size_t>(std::max(instance.requests, 0)))
        found.push_back("the plan has " + std::to_string(result.requests.size()) + " requests, the instance " +
                        std::to_string(instance.requests));
    auto const devices = instance.devices.size();
    std::vector<DeviceLoad> loads(devices);
    std::vector<Bytes> largest(devices);  // of what a device needs for one task
    // Weights that a device holds, of blocks and of parts.
    std::map<std::tuple<DeviceId, BlockId, Split, std::int16_t>, Bytes> resident;
    for (std::size_t r = 0; r < result.requests.size(); ++r) {
        auto const& plan = result.requests[r];
        auto const who = "request " + std::to_string(r);
        auto const shape = shape_violations(instance, plan, who);
        found.insert(found.end(), shape.begin(), shape.end());
        if (!plan.admitted || !shape.empty()) continue;
        if (instance.source_is_off())
            found.push_back(who + " has its image on " + instance.devices[instance.source->index()].name +
                            ", which is off");
        if (auto const* option = option_of(instance, plan.dropped); !option)
            found.push_back(who + " drops a set of blocks whose accuracy is unknown");
        else if (option->accuracy < instance.accuracy_threshold)
            found.push_back(who + " has accuracy " + std::to_string(option->accuracy) + ", below the threshold " +
                            std::to_string(instance.accuracy_threshold) + " (Eq. 16)");
        auto const graph = task_graph(instance, plan);
        for (Move const& move : graph.moves)
            if (!(instance.links.rate(move.sender, move.receiver).value() > 0))
                found.push_back(who + " moves a tensor from " + instance.devices[move.sender.index()].name + " to " +
                                instance.devices[move.receiver.index()].name + ", which it cannot reach");
        auto const reach = instance.reserve_expected ? reach_of(instance, plan.dropped) : std::span<double const>();
        add_loads(instance, graph, graph.tasks.size(), Shares(instance, graph, reach), loads);
        for (Task const& task : graph.tasks) {
            Bytes& most = largest[task.device.index()];
            most = std::max(most, task.memory);
            resident[{task.device, task.block, task.split, task.part}] =
                instance.weights_needed(task.device, task.block, task.weights);
        }
    }
    bool const stream = instance.goal == Goal::throughput;
    for (std::size_t i = 0; stream && i < devices; ++i) loads[i].memory = largest[i];
    for (auto const& [what, weights] : resident) {
        Bytes& memory = loads[std::get<DeviceId>(what).index()].memory;
        memory = capped_sum(memory, weights);
    }
    for (std::size_t i = 0; i < devices; ++i) {
        auto const check = [&](double used, double limit, char const* what) {
            if (used == 0 || used <= limit * (1 + rounding)) return;
            std::ostringstream text;
            text.precision(12);
            text << "device " << instance.devices[i].name << " needs " << used << " of " << limit << ' ' << what;
            found.push_back(text.str());
        };
        auto const& device = instance.devices[i];
        check(static_cast<double>(loads[i].memory.value()), static_cast<double>(device.memory.value()), "B (Eq. 13)");
        if (!stream)
            check(static_cast<double>(loads[i].macs.value()), static_cast<double>(device.macs.value()), "MAC (Eq. 14)");
        check(loads[i].energy.value(), device.energy.value(), "J (Eq. 17)");
    }
    return found;
}

}  // namespace skipstone
