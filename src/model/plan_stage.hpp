#pragma once

#include <string>
#include <vector>

#include "model/split.hpp"
#include "units/id.hpp"

namespace skipstone {

// One stage of a plan by hand: neighbouring blocks, and who computes them.
struct PlanStage {
    std::string blocks;  // as it was written: a name, or "FIRST..LAST"
    BlockId first, last;
    // One; or several, which take turns at whole requests or, with a split, compute a part each.
    std::vector<DeviceId> devices;
    Split split = {};  // of the stage's one block
    DeviceId join;     // with a split: who joins the parts; else none

    bool operator==(PlanStage const&) const = default;
};

}  // namespace skipstone
