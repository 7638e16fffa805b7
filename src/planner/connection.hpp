#pragma once

#include <cstddef>
#include <vector>

#include "model/link.hpp"
#include "units/id.hpp"

namespace skipstone::planner {

// The part of the fleet that each device is in, numbered from 0: devices of two parts are not linked, not even over
// others. Of a fleet that is too large to look at every pair that has no link, parts may be joined.
std::vector<std::size_t> parts_of(LinkTable const& links);

// Which links connect: those from what is connected already, or those in either direction.
enum class Reach { from, either };

// `first`, and those of `others` that it is connected with, over one another too, until there are `size`. Neighbours of
// the earlier ones come first, then the order of `others`.
std::vector<DeviceId> connected_with(LinkTable const& links, DeviceId first, std::vector<DeviceId> const& others,
                                     Reach reach, std::size_t size);

}  // namespace skipstone::planner
