#include "kernels/convolution.hpp"

#include "units/error.hpp"

namespace skipstone::kernels {

Bytes Convolution::input_bytes() const {
    return TensorShape{1, in_height, in_width, in_channels}.bytes(activation_type(precision));
}

Bytes Convolution::weight_bytes() const {
    return TensorShape{out_channels, kernel, kernel, in_channels}.bytes(activation_type(precision));
}

Convolution convolution_of(Network const& network, OperatorId id) {
    auto const& graph = network.graph();
    auto const& op = graph.at(id);
    SKIPSTONE_EXPECT(op.is_weighted());
    auto const in = graph.at(op.inputs.front()).shape, out = graph.at(op.output).shape;
    Convolution c;
    c.name = op.name;
    c.reads = op.inputs.front();
    c.precision = graph.precision_of(op, network.precision());
    c.in_channels = in.c;
    c.in_height = in.h;
    c.in_width = in.w;
    c.out_channels = out.c;
    c.out_height = out.h;
    c.out_width = out.w;
    if (auto const* convolution = op.as<op::Convolution>()) {
        c.kernel = convolution->window.kernel.h;
        c.stride = convolution->window.stride.h;
        c.padding = convolution->window.padding.top;
        SKIPSTONE_EXPECT(convolution->window == square_window(c.kernel, c.stride, c.padding));
    }
    auto const& readers = graph.readers(op.output);
    if (readers.size() == 1)
        if (auto const& next = graph.at(readers.front()); auto const* norm = next.as<op::BatchNorm>()) {
            c.batch_norm = next.name;
            c.epsilon = norm->epsilon;
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
