#pragma once

#include <cstddef>

namespace skipstone::kernels {

enum class Turned { no, yes };

// A float32 matrix, row by row: its rows begin `stride` numbers apart. Turned::yes: it counts as its transpose.
struct Matrix {
    float const* values = nullptr;
    std::size_t stride = 0;
    Turned turned = Turned::no;
};

// out [rows, columns], its rows `stride` apart, = left [rows, depth] · right [depth, columns], plus what was there
// where `adds`; on the calling thread (use_threads()), the same bits for the same shapes on hosts of one kind. Throws
// EnvironmentError when oneDNN fails.
void multiply(std::size_t rows, std::size_t columns, std::size_t depth, Matrix left, Matrix right, float* out,
              std::size_t stride, bool adds);

}  // namespace skipstone::kernels
