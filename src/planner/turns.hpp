#pragma once

#include <vector>

#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"
#include "planner/budget.hpp"
#include "planner/steady_program.hpp"

namespace skipstone::planner {

// Whole requests out of shares: how many of `requests` take which way, so that the busiest processor, link or radio is
// as little busy as can be found; ways that take the place of others where that helps, within the devices' memory. In
// an order in which each way comes as evenly as can be.
std::vector<RequestPlan> take_turns(Instance const& instance, std::vector<Choice> const& choices, Medium medium,
                                    std::vector<Share> const& shares, int requests, Budget& budget);

}  // namespace skipstone::planner
