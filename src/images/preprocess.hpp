#pragma once

#include <array>
#include <span>

#include "images/picture.hpp"

namespace skipstone::images {

// The network's input: `picture` resized to size x size (stretched where it is not square), then (value/255 −
// mean)/deviation per channel R, G, B. `out` is [size,size,3]. Bilinear with half-pixel centres, edges clamped, no
// antialiasing: PyTorch's interpolate(mode="bilinear", align_corners=False). All in float32, in a fixed order: the same
// bits on every host.
void preprocess(Picture const& picture, int size, std::array<float, 3> const& mean,
                std::array<float, 3> const& deviation, std::span<float> out);

}  // namespace skipstone::images
