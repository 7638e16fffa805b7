#pragma once

#include <cstdint>
#include <vector>

namespace skipstone::images {

// An 8-bit sRGB picture: rgb is [height,width,3], interleaved, rows from top to bottom.
struct Picture {
    int height = 0, width = 0;
    std::vector<std::uint8_t> rgb;
};

}  // namespace skipstone::images
