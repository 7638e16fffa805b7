#pragma once

// Private to this room.

#include <vector>

#include "trace/schema.hpp"

namespace skipstone::trace {

// Gives the blocks of a trace of version 1 the columns that it lacks. Such a trace is of a residual network: its blocks
// are stem, s2b1, s2b2, … and head, and the stem reads the image by one convolution.
void complete_blocks(std::vector<BlockRow>& blocks);

}  // namespace skipstone::trace
