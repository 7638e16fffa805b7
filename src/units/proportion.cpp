#include "units/proportion.hpp"

#include <algorithm>
#include <cmath>

#include "units/error.hpp"

namespace skipstone {

ProportionInterval confidence_interval(long successes, long trials) {
    SKIPSTONE_EXPECT(0 <= successes && successes <= trials);
    if (trials == 0) return {};
    constexpr double z = 1.959963984540054;  // the normal distribution's 97.5 % quantile
    auto const n = static_cast<double>(trials);
    double const p = static_cast<double>(successes) / n;
    double const centre = (p + z * z / (2 * n)) / (1 + z * z / n);
    double const half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace skipstone
