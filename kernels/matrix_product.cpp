#include "kernels/matrix_product.hpp"

#include <dnnl.h>

#include <string>

#include "units/error.hpp"

namespace skipstone::kernels {

void multiply(std::size_t rows, std::size_t columns, std::size_t depth, Matrix left, Matrix right, float* out,
              std::size_t stride, bool adds) {
    auto const size = [](std::size_t value) { return static_cast<dnnl_dim_t>(value); };
    auto const letter = [](Matrix const& matrix) { return matrix.turned == Turned::yes ? 'T' : 'N'; };
    auto const status =
        dnnl_sgemm(letter(left), letter(right), size(rows), size(columns), size(depth), 1, left.values,
                   size(left.stride), right.values, size(right.stride), adds ? 1 : 0, out, size(stride));
    if (status != dnnl_success) throw EnvironmentError("dnnl_sgemm", "status " + std::to_string(status));
}

}  // namespace skipstone::kernels
