#pragma once

#include <vector>

#include "emulator/outbox.hpp"
#include "emulator/workbench.hpp"

namespace skipstone::emulator {

struct Routed {
    std::vector<Outgoing> leaving;
    std::vector<Work*> complete;  // works of this node that lacked nothing but this
};

// Where a work's outcome goes, all of it: boxes are cut for other nodes, and for readers here it is put down whole. The
// last who needs it gets it without a copy.
Routed route(Work const& work, Tensor outcome, Workbench& bench);

}  // namespace skipstone::emulator
