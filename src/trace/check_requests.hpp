#pragma once

// Private to this room.

#include "trace/findings.hpp"

namespace skipstone::trace {

// Requests are numbered, finish between arrival and their round's end, and are counted right in /rounds.
// knows_accuracy: the run had an accuracy table; else no request has an accuracy.
void check_requests(Round const& round, bool knows_accuracy, Findings& findings);
// Plans name requests, blocks and devices that exist, each block once, and have all blocks of an admitted request.
void check_plans(Round const& round, std::size_t devices, std::size_t blocks, Findings& findings);

}  // namespace skipstone::trace
