#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// Every request runs on one device as a whole, chosen with its drop set one request after the other.
PlanResult plan_single_device(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
