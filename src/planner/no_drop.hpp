#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// The same as greedy, but nothing is ever dropped.
PlanResult plan_no_drop(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
