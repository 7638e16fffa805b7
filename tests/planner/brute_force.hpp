#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"

namespace skipstone::planner::testing {

// The true answer of a tiny instance: most admitted requests first, then the smallest objective, then the smallest mean
// latency. Its figures are computed here from the instance alone, without the cost model.
struct Truth {
    int admitted = 0;
    double objective = std::numeric_limits<double>::quiet_NaN();  // none admitted: NaN
    double mean_latency_s = std::numeric_limits<double>::quiet_NaN();
    std::vector<RequestPlan> requests;  // one per request; the rejected ones last
};

namespace brute_force_detail {

constexpr double slack = 1 + 1e-9;

struct Column {
    double latency = 0, cost = 0;  // latency: expected
    std::size_t option = 0;
    std::vector<DeviceId> devices;             // one per block
    std::vector<double> memory, macs, energy;  // per device, weights not counted
    std::vector<std::vector<bool>> holds;      // [device][block, then exit] it, or its head, runs there
};

// The column of one drop option and one assignment; cost infinite where a link is missing.
inline Column column_of(Instance const& instance, std::size_t option, std::vector<DeviceId> const& devices) {
    auto const n = instance.devices.size();
    Column column;
    column.option = option;
    column.devices = devices;
    column.memory.assign(n, 0);
    column.macs.assign(n, 0);
    column.energy.assign(n, 0);
    column.holds.assign(n, std::vector<bool>(instance.blocks.size() + instance.exits.size(), false));
    auto const& reach_of = instance.accuracy[option].reach;
    auto const reach = [&](std::size_t block) { return reach_of.empty() ? 1 : reach_of[block]; };
    auto const reserved = [&](std::size_t block) { return instance.reserve_expected ? reach(block) : 1; };
    auto const move = [&](DeviceId from, DeviceId to, double bytes, std::size_t receiver) {
        if (from == to) return;
        double const rate = instance.links.rate(from, to).value();
        if (!(rate > 0)) {
            column.latency = std::numeric_limits<double>::infinity();
            return;
        }
        double const time = 8 * bytes / rate;
        column.latency += reach(receiver) * (time + instance.links.latency(from, to).value());
        column.energy[from.index()] +=
            reserved(receiver) * time * instance.devices[from.index()].power_transmit.value();
        column.energy[to.index()] += reserved(receiver) * time * instance.devices[to.index()].power_receive.value();
    };
    auto const& dropped = instance.accuracy[option].dropped;
    std::size_t last = instance.blocks.size();  // none yet
    auto const run_head = [&](std::size_t j) {
        for (std::size_t e = 0; e < instance.exits.size(); ++e) {
            auto const& exit = instance.exits[e];
            if (exit.after != BlockId(j) || last == instance.blocks.size()) continue;
            auto const i = devices[last].index();
            auto const& device = instance.devices[i];
            auto const measured = device.head_compute.find(exit.head);
            double const macs = static_cast<double>(exit.macs.value());
            double const time =
                measured == device.head_compute.end() ? macs / device.mac_rate.value() : measured->second.value();
            column.latency += reach(j) * time;
            column.memory[i] += static_cast<double>(exit.memory.value());
            column.macs[i] += reserved(j) * macs;
            column.energy[i] += reserved(j) * time * device.power_compute.value();
            column.holds[i][instance.blocks.size() + e] = true;
        }
    };
    for (std::size_t j = 0; j < instance.blocks.size(); ++j) {
        if (!devices[j]) {
            run_head(j);
            continue;
        }
        auto const& block = instance.blocks[j];
        auto const& device = instance.devices[devices[j].index()];
        bool const skip = std::ranges::count(dropped, BlockId(j)) > 0;
        if (last == instance.blocks.size()) {
            if (instance.source) move(*instance.source, devices[j], static_cast<double>(instance.input.value()), j);
        } else {
            double bytes = static_cast<double>(instance.blocks[last].output.value());
            if (instance.residual == Residual::paper && last > 0)
                bytes = std::max(bytes, static_cast<double>(instance.blocks[last - 1].output.value()));
            move(devices[last], devices[j], bytes, j);
        }
        double const macs = static_cast<double>((skip ? block.skip_macs : block.macs).value());
        double time = macs == 0 ? 0 : macs / device.mac_rate.value();
        if (!skip && !device.compute.empty() && device.compute[j]) time = device.compute[j]->value();
        auto const i = devices[j].index();
        column.latency += reach(j) * time;
        column.memory[i] += static_cast<double>((skip ? block.skip_memory : block.memory).value());
        column.macs[i] += reserved(j) * macs;
        column.energy[i] += reserved(j) * time * device.power_compute.value();
        column.holds[i][j] = true;
        last = j;
        run_head(j);
    }
    column.cost = instance.beta * (1 - instance.accuracy[option].accuracy) +
                  (instance.alpha == 0 ? 0 : instance.alpha * column.latency / instance.reference_latency.value());
    if (std::isinf(column.latency)) column.cost = column.latency;
    return column;
}

// Whether the weights of a block, or of the head of an exit behind them, are on the device already.
inline bool is_there(Instance const& instance, std::size_t device, std::size_t what) {
    auto const blocks = instance.blocks.size();
    return instance.devices[device].holds.contains(what < blocks ? BlockId(what) : instance.exits[what - blocks].head);
}

inline bool fits(Instance const& instance, std::vector<Column const*> const& chosen) {
    for (std::size_t i = 0; i < instance.devices.size(); ++i) {
        double memory = 0, macs = 0, energy = 0;
        for (auto const* column : chosen) {
            memory += column->memory[i];
            macs += column->macs[i];
            energy += column->energy[i];
        }
        if (instance.memory == MemoryModel::resident)
            for (std::size_t j = 0; j < instance.blocks.size() + instance.exits.size(); ++j)
                if (!is_there(instance, i, j) &&
                    std::ranges::any_of(chosen, [&](Column const* column) { return column->holds[i][j]; }))
                    memory += static_cast<double>((j < instance.blocks.size()
                                                       ? instance.blocks[j].weights
                                                       : instance.exits[j - instance.blocks.size()].weights)
                                                      .value());
        auto const& device = instance.devices[i];
        if (memory > slack * static_cast<double>(device.memory.value()) ||
            macs > slack * static_cast<double>(device.macs.value()) || energy > slack * device.energy.value())
            return false;
    }
    return true;
}

inline std::vector<Column> columns_of(Instance const& instance) {
    std::vector<Column> columns;
    for (std::size_t option = 0; option < instance.accuracy.size(); ++option) {
        if (instance.accuracy[option].accuracy < instance.accuracy_threshold) continue;
        std::vector<std::size_t> run;  // blocks that need a device
        for (std::size_t j = 0; j < instance.blocks.size(); ++j)
            if (std::ranges::count(instance.accuracy[option].dropped, BlockId(j)) == 0 ||
                instance.blocks[j].skip_macs != Macs(0))
                run.push_back(j);
        std::vector<DeviceId> devices(instance.blocks.size());
        for (auto const j : run) devices[j] = DeviceId(0);
        for (bool more = !run.empty(); more;) {
            auto column = column_of(instance, option, devices);
            if (!std::isinf(column.cost) && fits(instance, {&column})) columns.push_back(std::move(column));
            more = false;
            for (auto const j : run) {
                if (devices[j].index() + 1 < instance.devices.size()) {
                    devices[j] = DeviceId(devices[j].index() + 1);
                    more = true;
                    break;
                }
                devices[j] = DeviceId(0);
            }
        }
    }
    std::ranges::sort(columns, [](Column const& a, Column const& b) {
        return a.cost != b.cost ? a.cost < b.cost : a.latency < b.latency;
    });
    return columns;
}

struct Search {
    Instance const& instance;
    std::vector<Column> const& columns;
    std::size_t wanted;
    std::vector<Column const*> chosen = {}, best = {};
    double best_cost = std::numeric_limits<double>::infinity(), best_latency = best_cost;

    // Extends `chosen` by columns from `first` on (requests are alike, so order does not matter).
    void extend(std::size_t first, double cost, double latency) {
        double const tie = 1e-12;
        if (chosen.size() == wanted) {
            if (cost < best_cost - tie || (cost <= best_cost + tie && latency < best_latency)) {
                best = chosen;
                best_cost = std::min(cost, best_cost);
                best_latency = latency;
            }
            return;
        }
        auto const missing = static_cast<double>(wanted - chosen.size());
        for (std::size_t c = first; c < columns.size(); ++c) {
            if (cost + missing * columns[c].cost > best_cost + tie) return;
            chosen.push_back(&columns[c]);
            if (fits(instance, chosen)) extend(c, cost + columns[c].cost, latency + columns[c].latency);
            chosen.pop_back();
        }
    }
};

}  // namespace brute_force_detail

// What a plan is worth, by the same figures; none if it does not fit. NaN when it admits nothing.
inline std::optional<double> worth(Instance const& instance, PlanResult const& plan) {
    std::vector<brute_force_detail::Column> columns;
    for (auto const& request : plan.requests) {
        if (!request.admitted) continue;
        auto const option = std::ranges::find(instance.accuracy, request.dropped, &DropOption::dropped);
        if (option == instance.accuracy.end()) return std::nullopt;
        columns.push_back(brute_force_detail::column_of(
            instance, static_cast<std::size_t>(option - instance.accuracy.begin()), request.devices));
    }
    std::vector<brute_force_detail::Column const*> chosen;
    double cost = 0;
    for (auto const& column : columns) {
        chosen.push_back(&column);
        cost += column.cost;
    }
    if (!brute_force_detail::fits(instance, chosen)) return std::nullopt;
    return cost / static_cast<double>(columns.size());
}

// Tries every admission, drop option and assignment: at most some hundred columns (options × devices^blocks) and three
// requests.
inline Truth brute_force(Instance const& instance) {
    auto const columns = brute_force_detail::columns_of(instance);
    Truth truth;
    truth.requests.resize(static_cast<std::size_t>(instance.requests));
    for (auto wanted = static_cast<std::size_t>(instance.requests); wanted > 0; --wanted) {
        brute_force_detail::Search search{instance, columns, wanted};
        search.extend(0, 0, 0);
        if (search.best.empty()) continue;
        truth.admitted = static_cast<int>(wanted);
        truth.objective = search.best_cost / static_cast<double>(wanted);
        truth.mean_latency_s = search.best_latency / static_cast<double>(wanted);
        for (std::size_t r = 0; r < wanted; ++r) {
            auto const& column = *search.best[r];
            auto& plan = truth.requests[r];
            plan.admitted = true;
            plan.dropped = instance.accuracy[column.option].dropped;
            plan.accuracy = instance.accuracy[column.option].accuracy;
            plan.latency = Seconds(column.latency);
            plan.devices = column.devices;
        }
        break;
    }
    return truth;
}

}  // namespace skipstone::planner::testing
