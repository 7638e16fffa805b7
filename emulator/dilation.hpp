#pragma once

#include <vector>

#include "model/network.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// The smallest factor ≥ 1 with which a host keeps up when all of its devices compute at once (design.md section 6): on
// its share of the cores and with a quarter to spare, the whole network's kernels and their hand-overs fit into its
// emulated time, and every block's kernel into the block's emulated time and half of the tolerated lateness.
// block_seconds: host time of each block alone; empty (kernels off): 1.
double automatic_dilation(Scenario const& scenario, Network const& network, std::vector<double> const& block_seconds,
                          int devices_per_host, int cores);

}  // namespace skipstone::emulator
