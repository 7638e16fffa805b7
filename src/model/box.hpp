#pragma once

#include "model/split.hpp"
#include "model/tensor.hpp"

// Boxes of images' tensors [N,H,W,C], the same of each image, any element type.
namespace skipstone {

// A copy of a box of the tensor; the box must lie in it.
Tensor cut(Tensor const& tensor, Region const& box);
// Copies a tensor into a box of `whole`, which has its shape and element type.
void paste(Tensor& whole, Region const& box, Tensor const& tensor);

}  // namespace skipstone
