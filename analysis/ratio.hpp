#pragma once

#include <cstdint>

#include "analysis/summary.hpp"

namespace skipstone::analysis {

// a / b; none where b is not above 0.
inline double ratio(double a, double b) {
    return b > 0 ? a / b : none;
}
inline double ratio(double a, std::int64_t count) {
    return ratio(a, static_cast<double>(count));
}

}  // namespace skipstone::analysis
