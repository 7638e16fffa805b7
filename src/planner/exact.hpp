#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// Column generation with branching (column_search.hpp): the largest number of requests first, then the objective, both
// with a bound that holds whenever it stops. Ties at alpha = 0 go to lower latency.
PlanResult plan_exact(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
