#pragma once

// Private to this room.

#include "trace/findings.hpp"

namespace skipstone::trace {

// Events are inside their round, on devices that exist; no two blocks at a time on a processor; every transmission is
// received; overrun flags are as lateness says; shared_bytes are what was transmitted.
void check_events(Round const& round, Header const& header, Findings& findings);

}  // namespace skipstone::trace
