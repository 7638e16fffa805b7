#pragma once

// Private to this room.

#include "trace/findings.hpp"

namespace skipstone::trace {

// With the goal of throughput a round says what its plans reach and what none can pass, and prices; with another goal
// it has none of these. certain: what moves takes the time that planners expect, which is not so where packets are
// lost; then the emulated throughput does not pass the bound either.
void check_throughput(Round const& round, Header const& header, bool certain, Findings& findings);

}  // namespace skipstone::trace
