#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "onnx/parameters.hpp"

// Constants whose elements are those of other ones.
namespace skipstone::onnx {

// The elements of what a node makes. Throws InputError, naming it, when they are more than 2^22, and more than its
// inputs have.
std::size_t made(Node const& node, Shape const& shape, Constants const& inputs);

// Elements of another tensor: index says which.
Constant picked(Constant const& from, Shape shape, std::vector<std::size_t> const& index);

// Where the elements of a tensor of these sizes are, whose axis i takes sizes[i] steps of strides[i] in another one.
std::vector<std::size_t> indices(Shape const& sizes, std::vector<std::int64_t> const& strides, std::int64_t first = 0);

// Of each axis, how many elements lie from one to the next.
std::vector<std::int64_t> strides_of(Shape const& shape);

// Where the elements are of a tensor whose axes of one element are repeated.
std::vector<std::size_t> repeated(Shape const& shape, Shape const& to);

}  // namespace skipstone::onnx
