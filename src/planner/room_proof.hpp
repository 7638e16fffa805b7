#pragma once

#include <vector>

#include "model/instance.hpp"
#include "planner/capacity.hpp"
#include "planner/choice.hpp"
#include "planner/placer.hpp"

namespace skipstone::planner {

// Whether it is proven that what is left of the devices has no room for one more request, whatever its drop set; false:
// there may be room. Takes about as long as placing a request does: sums first, then ways on which each run of blocks
// on a device would fit there if it were alone, then, as far as few looks go, all of these.
bool proves_no_room(Instance const& instance, std::vector<Choice> const& choices, std::vector<Step> const& works,
                    Capacity const& capacity, Spread spread);

}  // namespace skipstone::planner
