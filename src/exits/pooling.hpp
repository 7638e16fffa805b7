#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "exits/head.hpp"
#include "model/tensor.hpp"

namespace skipstone::exits {

// Pools every image of a batch [n,H,W,C]: row i of `rows`, which has `stride` numbers, begins with image i's
// [pooled_shape()], averages before maxima.
void pool(Tensor const& batch, Pooling pooling, std::span<float> rows, std::size_t stride);

// What is kept of a block's output for the training of heads: the results of poolings, one behind the other.
struct Features {
    TensorShape input;  // of one image
    std::vector<Pooling> poolings;

    std::size_t size() const;  // numbers per image
    std::size_t offset(Pooling pooling) const;
};

}  // namespace skipstone::exits
