#pragma once

#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "planner/placer.hpp"

namespace skipstone::planner {

// Places the requests of a round one after the other, each as well as what is left allows; when that does not admit
// them all, once more with the smallest drop sets and no scraps, and then improves what it has request by request.
// Fills requests and admitted_bound, nothing else. seconds: of host time, after which it stops where it is.
PlanResult plan_sequentially(Instance const& instance, Spread spread, std::optional<double> seconds = std::nullopt);

// The constraint that keeps one more request out of a plan whose admitted requests stay as they are: the one that,
// lifted alone, lets one more in; if none does alone, one without which no lifting of the others helps. Binding::none
// when nothing was rejected; unknown where it is not proven that there is no room, or no constraint is known to be it.
// result.admitted_bound: what is proven already.
Binding binding_of(Instance const& instance, PlanResult const& result, Spread spread);

}  // namespace skipstone::planner
