#pragma once

// Private to this room.

#include <cstdint>
#include <span>

#include "model/scenario.hpp"
#include "trace/findings.hpp"

namespace skipstone::trace {

// Requests that are done have passed the heads of the exits in the chain's order, and left at the first one whose
// confidence reached its threshold; /requests says so, too. Others have passed nothing.
void check_exits(Round const& round, Header const& header, Findings& findings);

// Verdicts that were drawn from tables are those of a row for each image; those of kernels are the network's. images:
// of the requests, as in PendingRequest; −1: unknown.
void check_verdicts(Round const& round, Scenario const& scenario, std::span<std::int64_t const> images,
                    Findings& findings);

}  // namespace skipstone::trace
