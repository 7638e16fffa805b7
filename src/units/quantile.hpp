#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "units/error.hpp"

namespace skipstone {

// The q-quantile, linearly interpolated between the two nearest ranks of q · (n − 1) (NumPy's default, Hyndman and Fan
// 1996 type 7); NaN without values. Reorders the values. Every percentile that the program tells is this one.
inline double quantile(std::vector<double>& values, double q) {
    SKIPSTONE_EXPECT(q >= 0 && q <= 1);
    if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
    double const rank = q * static_cast<double>(values.size() - 1);
    auto const below = values.begin() + static_cast<std::ptrdiff_t>(rank);
    std::ranges::nth_element(values, below);
    double const share = rank - std::floor(rank);
    if (share == 0) return *below;
    double const above = *std::min_element(below + 1, values.end());
    return *below + share * (above - *below);
}

}  // namespace skipstone
