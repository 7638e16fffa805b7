#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "kernels/piece.hpp"
#include "model/network.hpp"
#include "model/precision.hpp"
#include "units/quantity.hpp"

namespace skipstone::kernels {

// One convolution, or a fully connected operator (a window as large as its input), as a kernel computes it: the shape
// alone. Equal shapes share a kernel.
struct ConvolutionShape {
    int in_channels = 0, out_channels = 0, groups = 1;
    int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    int padding_top = 0, padding_left = 0, padding_bottom = 0, padding_right = 0;
    int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
    Precision precision = Precision::float32;

    auto operator<=>(ConvolutionShape const&) const = default;

    // Input channels that an output channel is computed from.
    int group_channels() const { return in_channels / groups; }
};

// A batch norm or an affine operator that is folded into the convolution before it.
struct Scaling {
    std::string weights;                 // what the names of its weights begin with
    std::optional<double> epsilon;       // a batch norm's
    std::optional<Range> channels = {};  // none: all

    bool operator==(Scaling const&) const = default;
};

struct Convolution : ConvolutionShape {
    OperatorId op;
    std::string name;     // of the operator
    std::string weights;  // what the names of its weights begin with: W.weight [O, I / groups, kernel_h, kernel_w] or,
                          // the same elements, [O, I kernel_h kernel_w]; W.bias [O] if it has one
    bool has_bias = false;
    // Of these, places along the first axis and along the second one, of [O, I / groups, kernel_h, kernel_w]; none:
    // all.
    std::optional<Range> outputs = {}, inputs = {};
    std::vector<Scaling> scalings;  // folded into it, in order
    TensorId reads, gives;          // what is before a zero padding that is part of it; what is behind the scalings

    Bytes input_bytes() const;   // of one image
    Bytes weight_bytes() const;  // without bias
};

// Those of a piece, in the graph's order: its operators that are weighted.
std::vector<Convolution> convolutions(Piece const& piece);
std::vector<Convolution> convolutions(Network const& network, BlockId block);

// An operator of a piece with a number or two for each channel, which is part of no convolution.
struct ChannelOperator {
    std::string name;
    int channels = 0;
    Scaling scaling;
    bool is_prelu = false;  // scaling.weights then has slopes alone
};
std::vector<ChannelOperator> channel_operators(Piece const& piece);

}  // namespace skipstone::kernels
