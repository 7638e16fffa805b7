#pragma once

#include <algorithm>

namespace skipstone::planner {

// A number that may be handed to CLP, which ends the program over what is too large or no number at all.
inline double within(double largest, double value) {
    return value < largest ? std::max(value, -largest) : largest;
}

}  // namespace skipstone::planner
