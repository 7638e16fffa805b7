#pragma once

#include <vector>

#include "exits/frontier.hpp"
#include "exits/problem.hpp"

namespace skipstone::exits {

// The cheapest rules of the whole grid for every number of right answers, one frontier per objective 0 … objectives − 1:
// every set of exits that has grid.most_exits at most and that a lane allows, with all its thresholds. Proven, since no
// set is left out but those that no lane allows. A set's thresholds are counted all together, by sums over a table with
// an axis per exit (samples by how many thresholds they reach), so that a set of rules costs a few operations however
// many samples there are. Work: sets of exits x (samples + thresholds^most_exits). The result does not depend on
// `threads`.
std::vector<Frontier> search_grid(ExitTable const& table, Grid const& grid, std::vector<Lane> const& lanes,
                                  std::size_t objectives, int threads);

// The work above in elementary steps, to choose a grid by; at most 1e18.
double grid_work(ExitTable const& table, Grid const& grid, std::size_t lanes);

}  // namespace skipstone::exits
