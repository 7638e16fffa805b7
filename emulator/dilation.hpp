#pragma once

#include <functional>
#include <vector>

#include "model/network.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// The smallest factor ≥ 1 with which a host should keep up when all of its devices compute at once: on its share of the
// cores and with a quarter to spare, the whole network's kernels, their hand-overs and the transfer of every block's
// output fit into its emulated time, and every block's kernel into the block's emulated time and half of the tolerated
// lateness. Where blocks may be split ([collaboration]), likewise with each in the largest number of parts. block_seconds:
// host time of each block alone, and of each head behind them where heads run; empty (kernels off): 1.
double automatic_dilation(Scenario const& scenario, Network const& network, std::vector<double> const& block_seconds,
                          int devices_per_host, int cores);

// The dilation with which events as late as these would have been late by a tolerable amount, but for `tolerated_share`
// of them; with a quarter to spare. How late an event is in host time does not depend on the dilation. late: their
// lateness under `dilation`, as in /events. Not less than 1.
double sufficient_dilation(std::vector<double> late, double dilation, double tolerated_share);

// From `estimate` on, a dilation under which at most half a per cent of a rehearsal's events are overruns; the
// largest that was thought of where five rehearsals do not find one. rehearse: plays something and says how late its
// events were.
double rehearsed_dilation(double estimate, std::function<std::vector<double>(double dilation)> const& rehearse);

}  // namespace skipstone::emulator
