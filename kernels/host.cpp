#include "kernels/host.hpp"

#include <omp.h>

#include "units/error.hpp"

namespace skipstone::kernels {

void use_threads(int count) {
    SKIPSTONE_EXPECT(count >= 1);
    omp_set_num_threads(count);
}

}  // namespace skipstone::kernels
