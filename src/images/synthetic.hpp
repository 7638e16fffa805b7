#pragma once

#include <cstdint>
#include <vector>

namespace skipstone::images {

// A smooth, coloured picture for runs without images, [height,width,channels] bytes: the sum of coarse and finer random
// colour fields. Depends on its arguments alone: the same bytes on every host.
std::vector<std::uint8_t> synthetic(std::uint64_t seed, std::int64_t index, int height, int width, int channels);

}  // namespace skipstone::images
