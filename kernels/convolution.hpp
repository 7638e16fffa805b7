#pragma once

#include <compare>
#include <string>
#include <vector>

#include "model/network.hpp"
#include "model/precision.hpp"
#include "units/quantity.hpp"

namespace skipstone::kernels {

// One convolution (square kernel), or a fully connected operator (kernel 1 on an image of one pixel), as a kernel
// computes it: the shape alone. Equal shapes share a kernel.
struct ConvolutionShape {
    int in_channels = 0, out_channels = 0;
    int kernel = 1, stride = 1, padding = 0;
    int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
    Precision precision = Precision::float32;

    auto operator<=>(ConvolutionShape const&) const = default;
};

struct Convolution : ConvolutionShape {
    std::string name;  // of the operator: weights NAME.weight [O,I,k,k] (fully connected: [O,I], and NAME.bias [O])
    std::string batch_norm;  // of the operator behind it, which is folded into it; empty: none, and it has a bias
    double epsilon = 0;      // the batch norm's
    TensorId reads;

    Bytes input_bytes() const;   // of one image
    Bytes weight_bytes() const;  // without bias
};

// An operator of the network's graph that is_weighted().
Convolution convolution_of(Network const& network, OperatorId id);

// Those of a block, in the graph's order.
std::vector<Convolution> convolutions(Network const& network, BlockId block);

}  // namespace skipstone::kernels
