#include "planner/planner.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>

#include "model/cost_model.hpp"
#include "planner/balanced.hpp"
#include "planner/budget.hpp"
#include "planner/choice.hpp"
#include "planner/contention.hpp"
#include "planner/exact.hpp"
#include "planner/fixed.hpp"
#include "planner/ga.hpp"
#include "planner/greedy.hpp"
#include "planner/milp.hpp"
#include "planner/no_drop.hpp"
#include "planner/pipeline.hpp"
#include "planner/room_proof.hpp"
#include "planner/single_device.hpp"
#include "planner/steady_state.hpp"
#include "planner/stream.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"
#include "units/plain_text.hpp"

namespace skipstone::planner {

namespace {

enum class Serves { latency, throughput, both };

struct Entry {
    std::string_view name;
    PlanResult (*plan)(Instance const&, Options const&);
    Serves serves = Serves::latency;
};

constexpr std::array entries{
    Entry{"exact", plan_exact},
    Entry{"contention", plan_contention},
    Entry{"milp", plan_milp},
    Entry{"ga", plan_ga},
    Entry{"greedy", plan_greedy},
    Entry{"no-drop", plan_no_drop},
    Entry{"single-device", plan_single_device},
    Entry{"pipeline", plan_pipeline, Serves::throughput},
    Entry{"balanced", plan_balanced, Serves::throughput},
    Entry{"fixed", plan_fixed, Serves::both},
};

constexpr double bound_work = 2e9;  // elementary operations that a throughput bound may take

std::string unfit(Entry const& entry, Goal goal) {
    bool const throughput = goal == Goal::throughput;
    if (entry.serves == Serves::both || (entry.serves == Serves::throughput) == throughput) return {};
    auto const name = "planner \"" + std::string(entry.name) + "\" ";
    return throughput ? "is \"throughput\", but " + name +
                            "plans for latency; take \"pipeline\" (or \"balanced\", a greedy baseline, or \"fixed\", a "
                            "plan by hand)"
                      : "is \"latency\", but " + name +
                            "plans for throughput; set it to \"throughput\", or take \"contention\"";
}

// What a stream of such rounds reaches, and what none can.
void judge_throughput(Instance const& instance, Options const& options, PlanResult& result) {
    auto const medium = options.conditions ? options.conditions->medium : Medium::links;
    if (auto const period = period_of(instance, result.requests, medium); period && *period > Seconds(0))
        result.throughput = 1 / period->value();
    if (!result.throughput_bound) {
        Budget budget(bound_work, options.time_limit_s);
        if (auto const bound = throughput_bound(instance, medium, budget); bound && std::isfinite(bound->throughput)) {
            result.throughput_bound = bound->throughput;
            result.prices = bound->prices;
        }
    }
    result.bound.reset();  // of the objective
    result.gap.reset();
    if (result.throughput && result.throughput_bound)
        result.gap = std::max(0.0, 1 - *result.throughput / *result.throughput_bound);
}

bool shares_work(Instance const& instance) {
    return std::ranges::any_of(instance.blocks, [](InstanceBlock const& block) { return !block.splits.empty(); });
}

// Whether it is proven that not one request fits, whoever plans it.
bool nothing_fits(Instance const& instance) {
    if (instance.source_is_off()) return true;
    auto const choices = choices_of(instance);
    if (choices.empty() || shares_work(instance)) return choices.empty();
    if (instance.goal == Goal::latency)
        return proves_no_room(instance, choices, works_of(instance, choices), Capacity(instance), Spread::anywhere);
    // A stream takes no MACs for good, and memory for one task at a time.
    auto const runs = [&](Step const& step) {
        for (std::size_t i = 0; i < instance.devices.size(); ++i) {
            if (instance.devices[i].off) continue;
            Bytes memory = largest_task(instance, step);
            for_each_holding(instance, step,
                             [&](std::size_t held, Bytes) { memory += weights_needed(instance, DeviceId(i), held); });
            if (memory <= instance.devices[i].memory) return true;
        }
        return false;
    };
    return std::ranges::none_of(choices, [&](Choice const& choice) { return std::ranges::all_of(choice.steps, runs); });
}

// The images cannot leave their device.
PlanResult rejected_for_the_source(Instance const& instance) {
    PlanResult result;
    result.requests.resize(static_cast<std::size_t>(std::max(instance.requests, 0)));
    if (instance.requests > 0) {
        auto const& source = instance.devices[instance.source->index()];
        result.binding = source.off->because == OffBecause::energy ? Binding::energy : Binding::outage;
    }
    return result;
}

}  // namespace

std::vector<std::string_view> names() {
    std::vector<std::string_view> all;
    for (auto const& entry : entries) all.push_back(entry.name);
    return all;
}

std::vector<std::string_view> names(Goal goal) {
    std::vector<std::string_view> all;
    for (auto const& entry : entries)
        if (entry.serves == (goal == Goal::throughput ? Serves::throughput : Serves::latency))
            all.push_back(entry.name);
    return all;
}

std::string unfit(std::string_view name, Goal goal) {
    auto const entry = std::ranges::find(entries, name, &Entry::name);
    return entry == entries.end() ? "" : unfit(*entry, goal);
}

std::string choice_text(std::string_view name) {
    std::string all;
    for (auto const known : names()) all += (all.empty() ? "" : ", ") + std::string(known);
    auto const similar = lookalike(name);
    return "the nearest is \"" + nearest(name, names()) + "\" of " + all +
           (similar.empty() ? "" : " (" + similar + ")");
}

PlanResult plan(std::string_view name, Instance const& instance, Options const& options) {
    auto const entry = std::ranges::find(entries, name, &Entry::name);
    if (entry == entries.end())
        throw InputError("there is no planner \"" + std::string(name) + "\"; " + choice_text(name));
    if (auto const reason = unfit(*entry, instance.goal); !reason.empty())
        throw InputError({"", 0, "objective.goal"}, reason);
    auto const begin = std::chrono::steady_clock::now();
    auto result = instance.source_is_off() ? rejected_for_the_source(instance) : entry->plan(instance, options);
    std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - begin;
    evaluate(instance, result);
    if (!instance.accuracy_known) {
        result.mean_accuracy = std::numeric_limits<double>::quiet_NaN();
        for (auto& request : result.requests) request.accuracy = std::numeric_limits<double>::quiet_NaN();
    }
    result.planner = name;
    result.seconds = elapsed.count();
    bool const stream = instance.goal == Goal::throughput;
    if (stream) judge_throughput(instance, options, result);
    if (result.admitted == 0) {
        // Who plans with whole blocks, or by hand, knows only of such plans that there is none.
        if (entry->serves != Serves::latency || shares_work(instance)) result.admitted_bound = result.requested;
        if (result.admitted_bound > 0 && nothing_fits(instance)) result.admitted_bound = 0;
        result.status = result.requested == 0        ? PlanStatus::optimal
                        : result.admitted_bound <= 0 ? PlanStatus::infeasible
                                                     : PlanStatus::unknown;
        result.bound.reset();
        result.gap.reset();
        return result;
    }
    if (stream) {
        result.admitted_bound = result.requested;
        bool const proven = result.gap && *result.gap <= 1e-6 && result.admitted == result.requested;
        result.status = proven ? PlanStatus::optimal : PlanStatus::feasible;
        return result;
    }
    result.admitted_bound = std::max(result.admitted_bound, result.admitted);
    bool const proven = result.bound && *result.objective - *result.bound <= 1e-6 * *result.objective;
    if (result.bound)
        result.gap = *result.objective > 0 ? std::max(0.0, (*result.objective - *result.bound) / *result.objective) : 0;
    result.status = proven && result.admitted == result.admitted_bound ? PlanStatus::optimal : PlanStatus::feasible;
    return result;
}

}  // namespace skipstone::planner
