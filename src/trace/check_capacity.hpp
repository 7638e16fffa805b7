#pragma once

// Private to this room.

#include "trace/check_graph.hpp"
#include "trace/findings.hpp"

namespace skipstone::trace {

// Whether blocks' weights take memory in this run (objective.memory = "resident"), by the scenario that it was made
// from.
bool weights_take_memory(Provenance const& provenance);

// The first plans together, and all plans as they were after each revision, need no more memory and macs than a device
// has (Eq. 13, 14). What was computed, in vain or not, is within the macs, too. With the goal of throughput a device
// needs memory for its largest task, and has no limit of macs.
void check_capacity(Round const& round, Header const& header, PlannedWork& work, bool weights, Findings& findings);

}  // namespace skipstone::trace
