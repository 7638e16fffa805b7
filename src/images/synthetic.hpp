#pragma once

#include <cstdint>

#include "images/picture.hpp"

namespace skipstone::images {

// A smooth, coloured picture of size x size for runs without images: the sum of coarse and finer random colour fields.
// Depends on its arguments alone: the same bytes on every host.
Picture synthetic(std::uint64_t seed, std::int64_t index, int size);

}  // namespace skipstone::images
