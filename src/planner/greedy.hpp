#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// Places the requests one after the other, each with the drop set and path that are best for it in what the others
// left.
PlanResult plan_greedy(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
