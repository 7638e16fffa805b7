#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "model/instance.hpp"
#include "planner/budget.hpp"
#include "planner/choice.hpp"

namespace skipstone::planner {

// What a search for a given number of requests minimises, summed over them.
enum class Aim {
    cost,      // alpha * latency/T_ref + beta * (1 - accuracy)
    shortage,  // requests that find no place
    latency,   // latency/T_ref, with at most a given sum of 1 - accuracy
};

struct Task {
    Aim aim = Aim::cost;
    std::size_t requests = 0;
    double gap = 1e-6;                                             // relative, at which it stops
    double loss_budget = std::numeric_limits<double>::infinity();  // Aim::latency: of the sum of 1 − accuracy
    bool branch = true;  // false: only the root's relaxation, and a plan made from it
};

struct Outcome {
    std::vector<Placement> plan;                              // one per request; empty: none was found
    double value = std::numeric_limits<double>::infinity();   // of the plan, or the shortage
    double bound = -std::numeric_limits<double>::infinity();  // of every plan's value; valid whenever it stops
};

// Branch and price. The master programme chooses paths (columns) for identical requests under Eq. 13, 14 and 17, whose
// rows are added when they are violated, with PackingRule rows for segments that cannot be split; Pricer
// finds columns. Branching is on how many requests take a drop set, run a block on a device, or hop between two
// devices. The bound is Lagrange's at cleaned duals, so it is valid at every step and whatever the linear programme's
// rounding. start: plans that are known; a better one is searched. Deterministic but for the budget's clock.
Outcome search(Instance const& instance, std::vector<Choice> const& choices, Task const& task,
               std::vector<std::vector<Placement>> const& start, Budget& budget);

}  // namespace skipstone::planner
