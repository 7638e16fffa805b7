#pragma once

// Private to this room.

#include "trace/check_graph.hpp"
#include "trace/findings.hpp"

namespace skipstone::trace {

// What counts in a run, by the scenario that it was made from.
struct CapacityRules {
    bool weights = false;   // take memory (objective.memory = "resident")
    bool expected = false;  // MACs that are expected are enough (exits.reserve = "expected")
};
CapacityRules capacity_rules(Provenance const& provenance);

// The first plans together, and all plans as they were after each revision, need no more memory and macs than a device
// has (Eq. 13, 14). What was computed, in vain or not, is within the macs, too, where plans are not made for what is
// expected. With the goal of throughput a device needs memory for its largest task, and has no limit of macs.
void check_capacity(Round const& round, Header const& header, PlannedWork& work, CapacityRules const& rules,
                    Findings& findings);

}  // namespace skipstone::trace
