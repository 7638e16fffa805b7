#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// The plan by hand that Options::stages tells. A request whose devices have no room, or are off, takes the next turn;
// one that fits with none is rejected. Of the rest of a network the last of the stages are planned. Throws InputError,
// naming stage and key, where the stages are not the instance's.
PlanResult plan_fixed(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
