#pragma once

#include <string>
#include <vector>

namespace skipstone::trace {

// What is wrong with a trace, one sentence each; empty: it is complete and agrees with itself. Held against each other:
// rounds, requests, plans, events (inside their round, on devices that exist, every transmission received, no two
// blocks at a time on a processor, overrun flags as lateness says) and the battery ledger, which must be the powers
// integrated over the events to 1e-9 relative (design.md section 6). Throws InputError when the path is no trace.
std::vector<std::string> check(std::string const& path);

}  // namespace skipstone::trace
