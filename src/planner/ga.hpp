#pragma once

#include <functional>
#include <optional>

#include "planner/planner.hpp"

namespace skipstone::planner {

// Where the search stands after a generation (0: the first population).
struct GaProgress {
    long generation = 0;
    double seconds = 0;               // host, since the search began
    int admitted = 0;                 // of the best valid plan so far …
    std::optional<double> objective;  // … its objective; none: nothing admitted yet
};

// The paper's way (section IV-C): x relaxed to any number of devices per block (Eq. 20), a genetic algorithm over x and
// y, then Algorithm 1. The algorithm is MATLAB's integer `ga` with its documented defaults: population min(max(10n,
// 40), 100) for n variables, at most 100n generations, stop when the best penalty value changes by less than 1e-6 on
// average over 50 generations, elite 5 %, crossover fraction 0.8, binary tournaments, Laplace crossover and power
// mutation with truncation (Deep et al. 2009), penalty of Deb (2000), constraint tolerance 1e-3. Variables: x(r, i, j)
// in {0, 1}, and per request the number of its drop set in the accuracy table (y as M free bits would hardly ever hit a
// set whose accuracy is known). Power mutation scales a variable's distance to its bounds and so never moves a binary
// one; that is the documented method and is left so. Eq. 13, 14, 17 and 20 are constraints, each violation relative to
// its limit; the objective counts all hops between all devices of consecutive blocks, as Eq. 8 does. The best
// individual of a generation goes through Algorithm 1; blocks with no device run where the block before them ran; a
// request that then does not fit exactly beside those before it is rejected. The best plan so obtained is returned:
// most admitted first, then the objective.
PlanResult plan_ga(Instance const& instance, Options const& options,
                   std::function<void(GaProgress const&)> const& progress);
PlanResult plan_ga(Instance const& instance, Options const& options);

}  // namespace skipstone::planner
