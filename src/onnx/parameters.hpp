#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "onnx/constant.hpp"
#include "onnx/node.hpp"

// What nodes that arrange tensors say about it, by attributes or by constant inputs, as their opset has it. Functions
// throw InputError, naming the node, for what does not fit the tensor.
namespace skipstone::onnx {

// The inputs of a node that are constant; none: it depends on the network's input, or is not there.
using Constants = std::vector<ConstantPointer>;

// Numbers of an attribute, or else of an input; none: neither is there.
std::optional<std::vector<std::int64_t>> integers_of(Node const& node, Constants const& constants,
                                                     char const* attribute, int input);
// The same, of one number; otherwise: where neither is there.
std::int64_t integer_of(Node const& node, Constants const& constants, char const* attribute, int input,
                        std::int64_t otherwise);

// Counted from 0; negative ones count from behind.
std::size_t axis_of(Node const& node, std::int64_t axis, std::size_t rank);
std::vector<std::size_t> axes_of(Node const& node, std::vector<std::int64_t> const& axes, std::size_t rank);

// The shapes that Reshape, Flatten, Squeeze and Unsqueeze give.
Shape reshaped_shape(Node const& node, Constants const& constants, Shape const& shape);
// Order of axes of Transpose.
std::vector<std::size_t> permutation_of(Node const& node, std::size_t rank);

// Elements begin, begin + step, … of an axis.
struct Cut {
    std::size_t axis = 0;
    std::int64_t begin = 0, step = 1, count = 0;
};
// Of Slice; axes that it takes whole are left out.
std::vector<Cut> cuts_of(Node const& node, Constants const& constants, Shape const& shape);
// Of Split, one for each output.
std::vector<Cut> parts_of(Node const& node, Constants const& constants, Shape const& shape);

// The axes that a reduction runs over; of none at all: every one, or, where the node says so, none.
struct Reduction {
    std::vector<std::size_t> axes;
    bool keeps_axes = true;
    Shape shape;  // of what it gives
};
Reduction reduction_of(Node const& node, Constants const& constants, Shape const& shape);

// The shape of what comes of two tensors element by element.
Shape broadcast(Node const& node, Shape const& a, Shape const& b);

}  // namespace skipstone::onnx
