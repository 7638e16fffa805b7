#include "kernels/convolution.hpp"

#include "units/error.hpp"

namespace skipstone::kernels {

Bytes Convolution::input_bytes() const {
    return TensorShape{1, in_height, in_width, in_channels}.bytes(activation_type(precision));
}

Bytes Convolution::weight_bytes() const {
    return TensorShape{out_channels, kernel_h, kernel_w, group_channels()}.bytes(activation_type(precision));
}

Convolution convolution_of(Network const& network, OperatorId id) {
    auto const& graph = network.graph();
    auto const& op = graph.at(id);
    SKIPSTONE_EXPECT(op.is_weighted());
    auto const in = graph.at(op.inputs.front()).shape, out = graph.at(op.output).shape;
    Convolution c;
    c.name = op.name;
    c.weights = op.weights;
    c.reads = op.inputs.front();
    c.gives = op.output;
    c.precision = graph.precision_of(op, network.precision());
    c.in_channels = in.c;
    c.in_height = in.h;
    c.in_width = in.w;
    c.out_channels = out.c;
    c.out_height = out.h;
    c.out_width = out.w;
    if (auto const* convolution = op.as<op::Convolution>()) {
        auto const& window = convolution->window;
        c.groups = convolution->groups;
        c.kernel_h = window.kernel.h;
        c.kernel_w = window.kernel.w;
        c.stride_h = window.stride.h;
        c.stride_w = window.stride.w;
        c.dilation_h = window.dilation.h;
        c.dilation_w = window.dilation.w;
        c.padding_top = window.padding.top;
        c.padding_left = window.padding.left;
        c.padding_bottom = window.padding.bottom;
        c.padding_right = window.padding.right;
        c.has_bias = convolution->has_bias;
    } else {
        c.kernel_h = in.h;
        c.kernel_w = in.w;
        c.has_bias = op.as<op::FullyConnected>()->has_bias;
    }
    while (c.gives != graph.output() && graph.readers(c.gives).size() == 1) {
        auto const& next = graph.at(graph.readers(c.gives).front());
        auto const* norm = next.as<op::BatchNorm>();
        if (!norm && !next.as<op::Affine>()) break;
        c.scalings.push_back({next.weights, norm ? std::optional(norm->epsilon) : std::nullopt});
        c.gives = next.output;
    }
    return c;
}

std::vector<Convolution> convolutions(Network const& network, BlockId block) {
    std::vector<Convolution> all;
    for (auto const id : network.block(block).operators)
        if (network.graph().at(id).is_weighted()) all.push_back(convolution_of(network, id));
    return all;
}

}  // namespace skipstone::kernels
