#pragma once

// Private to this room.

#include "model/fault.hpp"
#include "trace/findings.hpp"

namespace skipstone::trace {

// The first plan of each request of a round, and the one that it ended with, as block → row; where rows are missing or
// name what does not exist, that is another check's finding, and there is no plan here.
struct PlansOf {
    std::vector<PlanRow const*> first, last;  // one per block; empty: none
};
std::vector<PlansOf> plans_of(Round const& round, std::size_t devices, std::size_t blocks);

// Events follow plans: a request that is done has computed the blocks of its last plan, each once, on the planned
// device, one after the other, and its tensors moved where devices change; others have nothing that was finished; waits
// end where their block begins, where nothing was down in the round (undisturbed) and nothing failed.
void check_course(Round const& round, Header const& header, DownTimes const& off, bool undisturbed,
                  Findings& findings);

}  // namespace skipstone::trace
