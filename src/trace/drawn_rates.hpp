#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/link.hpp"
#include "units/id.hpp"

namespace skipstone::trace {

// The rates of one round in bit/s, [device, peer], NaN on the diagonal, as a link model without pairs and the seed give
// them: as they were drawn, before the links' efficiency.
std::vector<double> drawn_rates(LinkModel const& links, std::uint64_t seed, RoundId round, std::size_t devices);

}  // namespace skipstone::trace
