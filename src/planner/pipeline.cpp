#include "planner/pipeline.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "planner/balanced.hpp"
#include "planner/choice.hpp"
#include "planner/connection.hpp"
#include "planner/holdings.hpp"
#include "planner/steady_program.hpp"
#include "planner/steady_state.hpp"
#include "planner/stream.hpp"
#include "planner/turns.hpp"

namespace skipstone::planner {

namespace {

constexpr double most_work = 3e9;  // elementary operations of one round
constexpr double unlimited_work = 1e18;
constexpr std::size_t most_devices = 200;  // that are planned with; of more, the fastest

// A fleet of so many devices that each is looked at; ids: who they are.
Instance narrowed(Instance const& instance, std::vector<DeviceId>& ids) {
    std::vector<DeviceId> order;
    for (std::size_t i = 0; i < instance.devices.size(); ++i)
        if (!instance.devices[i].off) order.emplace_back(i);
    std::ranges::stable_sort(order, [&](DeviceId a, DeviceId b) {
        auto const rank = [&](DeviceId id) {
            InstanceDevice const& device = instance.devices[id.index()];
            return std::pair(instance.source != id, -device.mac_rate.value());
        };
        return rank(a) < rank(b);
    });
    if (order.empty()) return instance;
    ids = connected_with(instance.links, order.front(), order, Reach::from, most_devices);
    std::ranges::sort(ids);
    Instance small = instance;
    small.cut.reset();
    small.devices.clear();
    std::vector<double> rates, latencies;
    for (DeviceId const a : ids) {
        small.devices.push_back(instance.devices[a.index()]);
        if (instance.source == a) small.source = DeviceId(small.devices.size() - 1);
        for (DeviceId const b : ids) {
            rates.push_back(a == b ? 0 : instance.links.rate(a, b).value());
            latencies.push_back(a == b ? 0 : instance.links.latency(a, b).value());
        }
    }
    small.links = LinkTable::dense(ids.size(), std::move(rates), std::move(latencies));
    return small;
}

void rename(RequestPlan& plan, std::vector<DeviceId> const& ids) {
    auto const renamed = [&](DeviceId& id) {
        if (id) id = ids[id.index()];
    };
    std::ranges::for_each(plan.devices, renamed);
    for (SplitBlock& way : plan.splits) std::ranges::for_each(way.parts, renamed);
}

// J per request that each device has if there are so many; empty: batteries do not matter.
std::vector<double> energy_per_request(Instance const& instance, int requests) {
    std::vector<double> energy;
    for (auto const& device : instance.devices) energy.push_back(device.energy.value() / requests);
    if (std::ranges::none_of(energy, [](double joules) { return std::isfinite(joules); })) energy.clear();
    return energy;
}

Binding what_keeps_out(Instance const& instance, std::vector<Choice> const& choices, SteadyProgram const* program) {
    if (choices.empty()) return Binding::accuracy;
    if (std::ranges::all_of(instance.devices, [](auto const& device) { return device.off.has_value(); }))
        return Binding::outage;
    auto const devices = instance.devices.size();
    for (std::size_t j = 0; program && j < instance.blocks.size(); ++j) {
        auto const first = program->items().whole(BlockId(j)) * devices;
        auto const row = std::span(program->possible()).subspan(first, devices);
        if (std::ranges::none_of(row, [](char possible) { return possible != 0; })) return Binding::memory;
    }
    return instance.memory == MemoryModel::resident ? Binding::memory : Binding::link;
}

}  // namespace

PlanResult plan_pipeline(Instance const& instance, Options const& options) {
    if (instance.devices.size() > most_devices) {
        std::vector<DeviceId> ids;
        auto const small = narrowed(instance, ids);
        if (small.devices.size() < instance.devices.size()) {
            auto result = plan_pipeline(small, options);
            result.throughput_bound.reset();  // of the smaller fleet
            result.prices.clear();
            for (RequestPlan& plan : result.requests) rename(plan, ids);
            return result;
        }
    }
    auto const medium = options.conditions ? options.conditions->medium : Medium::links;
    auto const count = std::max(instance.requests, 0);
    PlanResult result;
    result.requests.resize(static_cast<std::size_t>(count));
    auto const choices = choices_of(instance);
    if (count == 0 || choices.empty() || instance.devices.empty()) {
        if (count > 0) result.binding = what_keeps_out(instance, choices, nullptr);
        return result;
    }
    Budget budget(options.time_limit_s ? unlimited_work : most_work, options.time_limit_s);
    double goal = 0;  // s: no period is shorter
    if (auto const bound = throughput_bound(instance, medium, budget); bound && std::isfinite(bound->throughput)) {
        result.throughput_bound = bound->throughput;
        result.prices = bound->prices;
        goal = 1 / bound->throughput;
    }
    auto const baseline = plan_balanced(instance, options).requests;
    std::vector<RequestPlan> start;
    for (RequestPlan const& plan : baseline)
        if (plan.admitted && start.size() < instance.devices.size()) start.push_back(plan);
    SteadyProgram program(instance, choices, medium);
    // As many requests as the batteries carry.
    auto const solve = [&](int requests) {
        return shares_that_fit(instance, program, energy_per_request(instance, requests), goal, budget, start);
    };
    auto steady = solve(count);
    int admitted = steady.feasible ? count : 0;
    bool const batteries = !energy_per_request(instance, count).empty();
    for (int low = 0, high = count; batteries && !steady.feasible && high - low > 1;) {
        int const middle = (low + high) / 2;
        auto attempt = solve(middle);
        (attempt.feasible ? low : high) = middle;
        if (low > admitted) {
            admitted = low;
            if (high - low <= 1 || attempt.feasible) steady = std::move(attempt);
        }
        steady.feasible = high - low <= 1 && admitted > 0;
    }
    if (admitted == 0) {
        result.binding = batteries ? Binding::energy : what_keeps_out(instance, choices, &program);
        return result;
    }
    auto planned = admitted_of(instance, take_turns(instance, choices, medium, steady.shares, admitted, budget));
    auto const period = period_of(instance, planned.requests, medium);
    auto const greedy = period_of(instance, baseline, medium);
    auto const served = [](std::vector<RequestPlan> const& plans) {
        return std::ranges::count_if(plans, &RequestPlan::admitted);
    };
    bool const worse = greedy && (served(baseline) > served(planned.requests) ||
                                  (served(baseline) == served(planned.requests) && (!period || *greedy < *period)));
    result.requests = worse ? baseline : planned.requests;
    if (served(result.requests) < count) result.binding = batteries ? Binding::energy : planned.binding;
    return result;
}

}  // namespace skipstone::planner
