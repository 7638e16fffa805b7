#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// Most requests per second in the steady state: shares of ways from the steady-state programme (steady_program.hpp),
// what devices hold made to fit their memory, and the round's requests given their ways so that turns are even.
PlanResult plan_pipeline(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
