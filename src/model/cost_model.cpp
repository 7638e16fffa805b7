#include "model/cost_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>
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

struct Move {
    DeviceId from, to;
    HopBytes bytes;
};

// The tensors of a request that change device: the image, then outputs.
std::vector<Move> moves_of(Instance const& instance, std::vector<ExecutedBlock> const& executed) {
    std::vector<Move> moves;
    if (executed.empty()) return moves;
    if (instance.source && *instance.source != executed.front().device)
        moves.push_back({*instance.source, executed.front().device, {instance.input, instance.input}});
    for (std::size_t i = 1; i < executed.size(); ++i)
        if (executed[i - 1].device != executed[i].device)
            moves.push_back({executed[i - 1].device, executed[i].device, hop_bytes(instance, executed[i - 1].block)});
    return moves;
}

Seconds serialisation(Instance const& instance, Move const& move) {
    auto const rate = instance.links.rate(move.from, move.to);
    return rate.value() > 0 ? move.bytes.serialised / rate : Seconds(infinity);
}

Bytes memory_of(InstanceBlock const& block, BlockMode mode) {
    return mode == BlockMode::skip ? block.skip_memory : block.memory;
}

Macs macs_of(InstanceBlock const& block, BlockMode mode) {
    return mode == BlockMode::skip ? block.skip_macs : block.macs;
}

Joules energy_of(Watts power, Seconds time) {
    return time.value() == 0 ? Joules(0) : power * time;
}

// Adds what the request uses of each device to loads.
void add_loads(Instance const& instance, std::vector<ExecutedBlock> const& executed, std::vector<Move> const& moves,
               std::vector<DeviceLoad>& loads) {
    for (auto const& step : executed) {
        auto& load = loads.at(step.device.index());
        auto const& block = instance.blocks[step.block.index()];
        load.memory = capped_sum(load.memory, memory_of(block, step.mode));
        load.macs = capped_sum(load.macs, macs_of(block, step.mode));
        load.energy += energy_of(instance.devices[step.device.index()].power_compute,
                                 compute_time(instance, step.block, step.mode, step.device));
    }
    for (auto const& move : moves) {
        auto const time = serialisation(instance, move);
        loads.at(move.from.index()).energy += energy_of(instance.devices[move.from.index()].power_transmit, time);
        loads.at(move.to.index()).energy += energy_of(instance.devices[move.to.index()].power_receive, time);
    }
}

Seconds latency_of(Instance const& instance, std::vector<ExecutedBlock> const& executed,
                   std::vector<Move> const& moves) {
    Seconds latency{};
    for (auto const& step : executed) latency += compute_time(instance, step.block, step.mode, step.device);
    for (auto const& move : moves) latency += hop_time(instance, move.bytes.serialised, move.from, move.to);
    return latency;
}

DropOption const* option_of(Instance const& instance, std::vector<BlockId> const& dropped) {
    auto const found = std::ranges::find(instance.accuracy, dropped, &DropOption::dropped);
    return found == instance.accuracy.end() ? nullptr : &*found;
}

double accuracy_of(Instance const& instance, RequestPlan const& plan) {
    auto const* option = option_of(instance, plan.dropped);
    return option ? option->accuracy : std::numeric_limits<double>::quiet_NaN();
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
    return found;
}

}  // namespace

std::vector<ExecutedBlock> executed_blocks(Instance const& instance, RequestPlan const& plan) {
    SKIPSTONE_EXPECT(plan.devices.size() == instance.blocks.size());
    std::vector<ExecutedBlock> executed;
    executed.reserve(plan.devices.size());
    auto next_dropped = plan.dropped.begin();
    for (std::size_t j = 0; j < plan.devices.size(); ++j) {
        bool const dropped = next_dropped != plan.dropped.end() && *next_dropped == BlockId(j);
        if (dropped) ++next_dropped;
        if (dropped && instance.blocks[j].vanishes_when_dropped()) continue;
        executed.push_back({BlockId(j), dropped ? BlockMode::skip : BlockMode::full, plan.devices[j]});
    }
    return executed;
}

Seconds compute_time(Instance const& instance, BlockId block, BlockMode mode, DeviceId device) {
    auto const& where = instance.devices[device.index()];
    auto const& what = instance.blocks[block.index()];
    if (mode != BlockMode::skip && !where.compute.empty() && where.compute[block.index()])
        return *where.compute[block.index()];
    auto const macs = macs_of(what, mode);
    return macs.value() == 0 ? Seconds(0) : macs / where.mac_rate;
}

HopBytes hop_bytes(Instance const& instance, BlockId block) {
    auto const output = instance.blocks[block.index()].output;
    auto const input =
        block.index() == 0 ? instance.before : std::optional(instance.blocks[block.index() - 1].output);
    if (instance.residual == Residual::fused || !input) return {output, output};
    return {std::max(output, *input), output + *input};
}

Seconds hop_time(Instance const& instance, Bytes serialised, DeviceId from, DeviceId to) {
    if (from == to) return Seconds(0);
    auto const rate = instance.links.rate(from, to);
    if (!(rate.value() > 0)) return Seconds(infinity);
    return serialised / rate + instance.links.latency(from, to);
}

RequestCost request_cost(Instance const& instance, RequestPlan const& plan) {
    return request_cost(instance, executed_blocks(instance, plan));
}

RequestCost request_cost(Instance const& instance, std::vector<ExecutedBlock> const& executed) {
    auto const moves = moves_of(instance, executed);
    RequestCost cost;
    cost.latency = latency_of(instance, executed, moves);
    for (auto const& move : moves) cost.shared = capped_sum(cost.shared, move.bytes.shared);
    cost.loads.resize(instance.devices.size());
    add_loads(instance, executed, moves, cost.loads);
    return cost;
}

double objective_of(Instance const& instance, std::vector<RequestPlan> const& requests) {
    double latency = 0, loss = 0;
    int admitted = 0;
    for (auto const& plan : requests) {
        if (!plan.admitted) continue;
        auto const executed = executed_blocks(instance, plan);
        latency += latency_of(instance, executed, moves_of(instance, executed)).value();
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
        auto const executed = executed_blocks(instance, plan);
        auto const moves = moves_of(instance, executed);
        plan.latency = latency_of(instance, executed, moves);
        plan.accuracy = accuracy_of(instance, plan);
        for (auto const& move : moves) result.shared = capped_sum(result.shared, move.bytes.shared);
        add_loads(instance, executed, moves, loads);
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
    std::set<std::pair<DeviceId, BlockId>> resident;  // whose weights a device holds
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
        auto const executed = executed_blocks(instance, plan);
        auto const moves = moves_of(instance, executed);
        for (auto const& move : moves)
            if (!(instance.links.rate(move.from, move.to).value() > 0))
                found.push_back(who + " moves a tensor from " + instance.devices[move.from.index()].name + " to " +
                                instance.devices[move.to.index()].name + ", which it cannot reach");
        add_loads(instance, executed, moves, loads);
        for (auto const& step : executed) resident.emplace(step.device, step.block);
    }
    for (auto const& [device, block] : resident)
        loads[device.index()].memory =
            capped_sum(loads[device.index()].memory, instance.weights_needed(device, block));
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
        check(static_cast<double>(loads[i].macs.value()), static_cast<double>(device.macs.value()), "MAC (Eq. 14)");
        check(loads[i].energy.value(), device.energy.value(), "J (Eq. 17)");
    }
    return found;
}

}  // namespace skipstone
