#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "planner/budget.hpp"
#include "planner/steady_program.hpp"

namespace skipstone::planner {

// Shares of ways whose weights fit devices whole: what a device runs of any request it holds for good. None found: not
// feasible. energy: limits of J per request on each device; empty: none.
Steady shares_that_fit(Instance const& instance, SteadyProgram& program, std::vector<double> const& energy, double goal,
                       Budget& budget, std::vector<RequestPlan> const& start);

}  // namespace skipstone::planner
