#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "model/plan_stage.hpp"
#include "timeline/timeline.hpp"

namespace skipstone::planner {

struct Options {
    double gap = 0.001;                  // stop when (objective − bound)/objective is at most this
    std::uint64_t seed = 1;              // of planners that draw random numbers
    std::optional<double> time_limit_s;  // host seconds; none: a planner stops by work done, never by the clock
    // What `contention` simulates with, but for its links, which are the instance's; none: medium "links".
    timeline::Conditions const* conditions = nullptr;
    // When each request can begin, for `contention`; empty: all of them when the round starts.
    std::vector<Seconds> ready = {};
    std::vector<PlanStage> stages = {};  // the plan of `fixed`
};

// Names of the planners, in the order in which help lists them.
std::vector<std::string_view> names();
// Those that find a plan for this goal; `fixed` finds none.
std::vector<std::string_view> names(Goal goal);
// What is to be said of the key objective.goal where this planner finds no plan for it; empty: it does, or there is no
// such planner.
std::string unfit(std::string_view name, Goal goal);
// For messages about a name that none has: the nearest, and all.
std::string choice_text(std::string_view name);

// Plans a round: a pure function of its arguments (but for `seconds`, and for what a time limit cuts off). Every plan
// satisfies Eq. 13-17 and admits requests before it improves the objective. Throws InputError for an unknown name,
// naming the nearest.
PlanResult plan(std::string_view name, Instance const& instance, Options const& options);

}  // namespace skipstone::planner
