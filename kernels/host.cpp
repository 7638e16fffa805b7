#include "kernels/host.hpp"

#include <omp.h>

#include <cstdlib>

#include "units/error.hpp"

namespace skipstone::kernels {

void use_threads(int count) {
    SKIPSTONE_EXPECT(count >= 1);
    omp_set_num_threads(count);
}

int usual_threads() {
    return std::getenv("OMP_NUM_THREADS") == nullptr ? 1 : omp_get_max_threads();
}

}  // namespace skipstone::kernels
