#pragma once

// Private to this room.

#include "trace/findings.hpp"

namespace skipstone::trace {

// Requests that are done have passed the heads of the exits in the chain's order, and left at the first one whose
// confidence reached its threshold; /requests says so, too. Others have passed nothing.
void check_exits(Round const& round, Header const& header, Findings& findings);

}  // namespace skipstone::trace
