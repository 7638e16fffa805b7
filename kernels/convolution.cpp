#include "kernels/convolution.hpp"

#include <algorithm>
#include <set>

#include "units/error.hpp"

namespace skipstone::kernels {

Bytes Convolution::input_bytes() const {
    return TensorShape{1, in_height, in_width, in_channels}.bytes(activation_type(precision));
}

Bytes Convolution::weight_bytes() const {
    return TensorShape{out_channels, kernel_h, kernel_w, group_channels()}.bytes(activation_type(precision));
}

namespace {

bool is_in(Block const& block, OperatorId id) {
    return std::ranges::binary_search(block.operators, id);
}

std::optional<Scaling> scaling_of(Operator const& op) {
    if (auto const* norm = op.as<op::BatchNorm>()) return Scaling{op.weights, norm->epsilon};
    if (op.as<op::Affine>()) return Scaling{op.weights, std::nullopt};
    return std::nullopt;
}

// Zeros around the image before it become its own padding.
void take_padding(Convolution& c, Graph const& graph, Block const& block) {
    auto const source = graph.source(c.reads);
    if (c.reads == block.reads || !is_in(block, source)) return;
    auto const* pad = graph.at(source).as<op::Pad>();
    if (!pad || pad->mode != op::Pad::Mode::constant || pad->value != 0) return;
    c.reads = graph.at(source).inputs.front();
    c.in_height = graph.at(c.reads).shape.h;
    c.in_width = graph.at(c.reads).shape.w;
    c.padding_top += pad->padding.top;
    c.padding_left += pad->padding.left;
    c.padding_bottom += pad->padding.bottom;
    c.padding_right += pad->padding.right;
}

Convolution convolution_of(Network const& network, Block const& block, OperatorId id) {
    auto const& graph = network.graph();
    auto const& op = graph.at(id);
    auto const in = graph.at(op.inputs.front()).shape, out = graph.at(op.output).shape;
    Convolution c;
    c.op = id;
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
        take_padding(c, graph, block);
    } else {
        c.kernel_h = in.h;
        c.kernel_w = in.w;
        c.has_bias = op.as<op::FullyConnected>()->has_bias;
    }
    while (c.gives != block.gives && graph.readers(c.gives).size() == 1) {
        auto const next = graph.readers(c.gives).front();
        auto const scaling = is_in(block, next) ? scaling_of(graph.at(next)) : std::nullopt;
        if (!scaling) break;
        c.scalings.push_back(*scaling);
        c.gives = graph.at(next).output;
    }
    return c;
}

}  // namespace

std::vector<Convolution> convolutions(Network const& network, BlockId id) {
    auto const& block = network.block(id);
    std::vector<Convolution> all;
    for (auto const op : block.operators)
        if (network.graph().at(op).is_weighted()) all.push_back(convolution_of(network, block, op));
    return all;
}

std::vector<ChannelOperator> channel_operators(Network const& network, BlockId id) {
    auto const& graph = network.graph();
    std::set<TensorId> folded;
    for (auto const& c : convolutions(network, id))
        for (auto tensor = graph.at(c.op).output; tensor != c.gives;) {
            tensor = graph.at(graph.readers(tensor).front()).output;
            folded.insert(tensor);
        }
    std::vector<ChannelOperator> all;
    for (auto const op_id : network.block(id).operators) {
        auto const& op = graph.at(op_id);
        auto const channels = graph.at(op.output).shape.c;
        if (auto const scaling = scaling_of(op); scaling && !folded.contains(op.output))
            all.push_back({op.name, channels, *scaling});
        if (op.as<op::Prelu>()) all.push_back({op.name, channels, {op.weights, {}}, true});
    }
    return all;
}

}  // namespace skipstone::kernels
