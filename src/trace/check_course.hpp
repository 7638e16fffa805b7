#pragma once

// Private to this room.

#include "model/fault.hpp"
#include "trace/check_graph.hpp"
#include "trace/findings.hpp"

namespace skipstone::trace {

// Events follow plans: a request that is done has computed the blocks of its last plan and their parts, each once, on
// the planned device, each after what it needs, and its tensors moved where devices change, once to each device that
// needs them; others have nothing that was finished; waits end where their block begins, where nothing was down in the
// round (undisturbed) and nothing failed.
void check_course(Round const& round, Header const& header, PlannedWork& work, DownTimes const& off, bool undisturbed,
                  Findings& findings);

}  // namespace skipstone::trace
