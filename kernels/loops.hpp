#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "kernels/pointwise.hpp"
#include "model/operator.hpp"
#include "model/tensor.hpp"

// Operators that oneDNN has no kernel for, or none that is worth it, as plain loops.
namespace skipstone::kernels {

struct Operands {
    std::span<std::byte const* const> from;
    std::byte* to = nullptr;
    float const* scale = nullptr;  // of each channel: batch norms, affine operators and PReLU
    float const* shift = nullptr;  // likewise, but of PReLU
};
using Loop = std::function<void(Operands const&)>;

// It only says where elements go: the same loop for every type of element.
bool only_moves(Operation const& operation);

// inputs, output: with their batch size; type: of all of them; float32, unless it only moves elements, or is a ReLU.
// unit: what one unit of 8-bit elements is worth. What it gives may lie over its first input where may_lie_over() says
// so. Precondition: has_loop().
Loop loop_of(Operation const& operation, std::vector<TensorShape> const& inputs, TensorShape output, ElementType type,
             float unit);
bool has_loop(Operation const& operation);
bool may_lie_over(Operation const& operation);

// 8-bit values of one type and unit as those of another, behind a function; in place or not.
Loop table_of(ElementType from, float from_unit, ElementType to, float to_unit, Activation const& function,
              std::size_t elements);

}  // namespace skipstone::kernels
