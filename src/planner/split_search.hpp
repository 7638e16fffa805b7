#pragma once

#include <functional>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "planner/budget.hpp"

namespace skipstone::planner {

// The plans with blocks split over several devices, or joined again, where that lowers their value; within the devices'
// room. value: of all of a round's plans together; it charges the budget itself.
std::vector<RequestPlan> split_where_it_helps(Instance const& instance, std::vector<RequestPlan> plans,
                                              std::function<double(std::vector<RequestPlan> const&)> const& value,
                                              Budget& budget);

}  // namespace skipstone::planner
