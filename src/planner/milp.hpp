#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// The whole problem as one mixed-integer program, solved by CBC: the independent reference for small instances. It
// starts from greedy's plan; bounds are CBC's alone. Admission first; then the objective, ties broken by latency
// (alpha = 0) or accuracy (beta = 0). Without a time limit the search stops after a number of nodes. Fills requests,
// bound, admitted_bound and binding, not the derived figures.
PlanResult plan_milp(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
