#pragma once

#include "model/host_profile.hpp"

namespace skipstone::kernels {

// Operations per second of one core that does nothing but fused multiply-adds on float32, in the widest vectors that
// the processor has: independent chains of them in registers, the best of several tries. Takes some 50 ms.
double fma_peak();

// What one core can do, measured in about half a second: the best of several tries of each.
HostLimits measure_limits();

}  // namespace skipstone::kernels
