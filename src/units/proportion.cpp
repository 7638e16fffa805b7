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

double binomial_test(long successes, long trials, double probability) {
    SKIPSTONE_EXPECT(0 <= successes && successes <= trials && 0 <= probability && probability <= 1);
    auto const n = static_cast<double>(trials);
    auto const likelihood = [&](long k) {
        auto const count = static_cast<double>(k);
        if (probability == 0) return k == 0 ? 1.0 : 0.0;
        if (probability == 1) return k == trials ? 1.0 : 0.0;
        return std::exp(std::lgamma(n + 1) - std::lgamma(count + 1) - std::lgamma(n - count + 1) +
                        count * std::log(probability) + (n - count) * std::log1p(-probability));
    };
    // The tail that is away from the mean; it falls off quickly.
    int const step = static_cast<double>(successes) < n * probability ? -1 : 1;
    double tail = 0;
    for (long k = successes; 0 <= k && k <= trials; k += step) {
        double const part = likelihood(k);
        tail += part;
        if (part < 1e-12 * tail || tail == 0) break;
    }
    return std::min(1.0, 2 * tail);
}

}  // namespace skipstone
