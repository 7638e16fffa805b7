#pragma once

#include <cstddef>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "model/plan_stage.hpp"

namespace skipstone::planner {

// The plan of a request whose turn it is for the turn-th time, counted from 0: stages whose devices take turns go
// round. The stages are every block of the instance, in order, and nothing is dropped.
RequestPlan request_of(Instance const& instance, std::vector<PlanStage> const& stages, std::size_t turn);

}  // namespace skipstone::planner
