#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// A greedy baseline, as Hadidi et al. balance their pipelines: contiguous stages that fit the devices' memory; then the
// slowest stage gets one more device, which takes turns with the others or computes a part, whichever lowers its period
// more with what moves counted; else blocks go over to a neighbour. Nothing is dropped unless the threshold allows only
// that, and devices of a stage take equal turns.
PlanResult plan_balanced(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
