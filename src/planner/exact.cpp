#include "planner/exact.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "planner/choice.hpp"
#include "planner/column_search.hpp"
#include "planner/sequential.hpp"
#include "planner/tight_packing.hpp"

namespace skipstone::planner {

namespace {

constexpr double admission_share = 0.5;    // of the budget
constexpr double tie_share = 0.1;          // of the time, to break ties
constexpr double shortest_start_s = 0.05;  // for a plan to begin with, whatever the limit is
constexpr double unlimited_work = 1e18;
constexpr double finest_gap = 5e-7;
constexpr double first_columns = 3e7, packing_work = 2e8;  // elementary operations for one more request

// Elementary operations, about a nanosecond each: what a search may spend without a time limit, more for larger fleets.
double work_limit(Instance const& instance) {
    return 1e9 * std::max(1.0, static_cast<double>(instance.devices.size()) / 25);
}

struct Admission {
    std::vector<Placement> plan;
    int bound = 0;
};

// More requests than the plan admits, if there is room; a bound on how many there can be.
Admission admit(Instance const& instance, std::vector<Choice> const& choices, std::vector<Placement> plan,
                Budget& budget) {
    auto admitted = static_cast<int>(plan.size());
    auto bound = instance.requests;
    auto const attempt = [&](int requests, bool branch, Budget& allowance) {
        Task task;
        task.aim = Aim::shortage;
        task.requests = static_cast<std::size_t>(requests);
        task.branch = branch;
        auto outcome = search(instance, choices, task, {}, allowance);
        if (!outcome.plan.empty()) {
            plan = std::move(outcome.plan);
            admitted = requests;
        }
        return outcome.bound;
    };
    auto const all = attempt(instance.requests, false, budget);
    bound = instance.requests - static_cast<int>(std::ceil(std::max(0.0, all) - 1e-6));
    while (admitted < bound && !budget.spent()) {
        auto const next = admitted + 1;
        // Columns first: where little is left they find a plan at once, or that there is none. Where room is tight,
        // whole blocks are packed.
        Budget little(budget, first_columns), some(budget, packing_work);
        auto shortage = attempt(next, true, little);
        if (admitted < next && !(shortage > 1e-6)) {
            auto packing = pack_tightly(instance, choices, static_cast<std::size_t>(next), some);
            if (packing.plan) {
                plan = std::move(*packing.plan);
                admitted = next;
            } else {
                shortage = packing.impossible ? 1 : attempt(next, true, budget);
            }
        }
        if (admitted < next) {
            if (shortage > 1e-6) bound = admitted;
            break;
        }
    }
    return {std::move(plan), std::max(bound, admitted)};
}

// The same instance with rates that need not be drawn again at every look; not for fleets that are too large for a
// table.
Instance with_links_at_hand(Instance instance) {
    constexpr std::size_t largest = 1000;
    auto const devices = instance.devices.size();
    if (devices > largest) return instance;
    std::vector<double> rates(devices * devices, 0), latencies(devices * devices, 0);
    for (std::size_t i = 0; i < devices; ++i)
        for (std::size_t k = 0; k < devices; ++k) {
            if (i == k) continue;
            rates[i * devices + k] = instance.links.rate(DeviceId(i), DeviceId(k)).value();
            latencies[i * devices + k] = instance.links.latency(DeviceId(i), DeviceId(k)).value();
        }
    instance.links = LinkTable::dense(devices, std::move(rates), std::move(latencies));
    return instance;
}

}  // namespace

PlanResult plan_exact(Instance const& given, Options const& options) {
    auto const instance = with_links_at_hand(given);
    auto const every = choices_of(instance);
    auto const instead = stand_ins(instance, every);
    std::vector<Choice> choices;
    std::vector<std::size_t> position(every.size());  // of each that stands for itself
    for (std::size_t c = 0; c < every.size(); ++c) {
        if (instead[c] != c) continue;
        position[c] = choices.size();
        choices.push_back(every[c]);
    }
    auto const limit = options.time_limit_s ? unlimited_work : work_limit(instance);
    auto const share_of_time = [&](double share) {
        return options.time_limit_s ? std::optional(share * *options.time_limit_s) : std::nullopt;
    };
    bool const ties = instance.alpha == 0;  // to be broken afterwards
    Budget budget(limit, share_of_time(ties ? 1 - tie_share : 1));
    auto seconds = share_of_time(admission_share);
    if (seconds) seconds = std::max(*seconds, shortest_start_s);
    auto const start = plan_sequentially(instance, Spread::anywhere, seconds);
    if (choices.empty() || instance.requests <= 0) {
        auto result = start;
        result.admitted_bound = 0;
        result.binding = binding_of(instance, result, Spread::anywhere);
        return result;
    }
    Admission admission{placements_of(instance, start, every), instance.requests};
    for (auto& placement : admission.plan) placement.choice = position[instead[placement.choice]];
    if (static_cast<int>(admission.plan.size()) < instance.requests) {
        Budget share(budget, admission_share * limit, share_of_time(admission_share));
        admission = admit(instance, choices, std::move(admission.plan), share);
    }
    if (admission.plan.empty()) {
        auto result = result_of(instance, choices, {});
        result.admitted_bound = admission.bound;
        result.binding = binding_of(instance, result, Spread::anywhere);
        return result;
    }

    Task task;
    task.requests = admission.plan.size();
    task.gap = std::max(options.gap, finest_gap);
    auto best = search(instance, choices, task, {admission.plan}, budget);
    if (ties) {
        Task second;
        second.aim = Aim::latency;
        second.requests = task.requests;
        second.gap = std::max(options.gap, 1e-3);
        second.branch = false;
        second.loss_budget = 0;
        for (auto const& placement : best.plan) second.loss_budget += 1 - choices[placement.choice].accuracy;
        // Not proven, so not for long.
        Budget some(0.03 * work_limit(instance), share_of_time(tie_share));
        auto faster = search(instance, choices, second, {best.plan}, some);
        best.plan = std::move(faster.plan);
    }
    auto result = result_of(instance, choices, best.plan);
    result.bound = best.bound / static_cast<double>(task.requests);
    result.admitted_bound = admission.bound;
    result.binding = binding_of(instance, result, Spread::anywhere);
    return result;
}

}  // namespace skipstone::planner
