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

// What the names of an operator's weights begin with.
std::string const& weights_of(Piece const& piece, OperatorId id) {
    return piece.whole_graph().at(piece.whole(id)).weights;
}

std::optional<Range> channels_of(Piece const& piece, OperatorId id) {
    if (auto const share = piece.share(id)) return share->outputs;
    return std::nullopt;
}

std::optional<Scaling> scaling_of(Piece const& piece, OperatorId id) {
    auto const& op = piece.graph().at(id);
    auto const* norm = op.as<op::BatchNorm>();
    if (!norm && !op.as<op::Affine>()) return std::nullopt;
    return Scaling{weights_of(piece, id), norm ? std::optional(norm->epsilon) : std::nullopt, channels_of(piece, id)};
}

// Zeros around the image before it become its own padding.
void take_padding(Convolution& c, Piece const& piece) {
    auto const& graph = piece.graph();
    auto const source = graph.source(c.reads);
    if (c.reads == piece.reads() || !piece.has(source)) return;
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

Convolution convolution_of(Piece const& piece, OperatorId id) {
    auto const& graph = piece.graph();
    auto const& op = graph.at(id);
    auto const in = graph.at(op.inputs.front()).shape, out = graph.at(op.output).shape;
    Convolution c;
    c.op = id;
    c.name = op.name;
    c.weights = weights_of(piece, id);
    if (auto const share = piece.share(id)) {
        c.outputs = share->outputs;
        c.inputs = share->inputs;
    }
    c.reads = op.inputs.front();
    c.gives = op.output;
    c.precision = piece.precision_of(id);
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
        take_padding(c, piece);
    } else {
        c.kernel_h = in.h;
        c.kernel_w = in.w;
        c.has_bias = op.as<op::FullyConnected>()->has_bias;
    }
    while (c.gives != piece.gives() && graph.readers(c.gives).size() == 1) {
        auto const next = graph.readers(c.gives).front();
        auto const scaling = piece.has(next) ? scaling_of(piece, next) : std::nullopt;
        if (!scaling) break;
        c.scalings.push_back(*scaling);
        c.gives = graph.at(next).output;
    }
    return c;
}

}  // namespace

std::vector<Convolution> convolutions(Piece const& piece) {
    std::vector<Convolution> all;
    for (auto const op : piece.operators())
        if (piece.graph().at(op).is_weighted()) all.push_back(convolution_of(piece, op));
    return all;
}

std::vector<Convolution> convolutions(Network const& network, BlockId block) {
    return convolutions(Piece::block(network, block));
}

std::vector<ChannelOperator> channel_operators(Piece const& piece) {
    auto const& graph = piece.graph();
    std::set<TensorId> folded;
    for (auto const& c : convolutions(piece))
        for (auto tensor = graph.at(c.op).output; tensor != c.gives;) {
            tensor = graph.at(graph.readers(tensor).front()).output;
            folded.insert(tensor);
        }
    std::vector<ChannelOperator> all;
    for (auto const id : piece.operators()) {
        auto const& op = graph.at(id);
        auto const channels = graph.at(op.output).shape.c;
        if (auto const scaling = scaling_of(piece, id); scaling && !folded.contains(op.output))
            all.push_back({op.name, channels, *scaling});
        if (op.as<op::Prelu>())
            all.push_back({op.name, channels, {weights_of(piece, id), {}, channels_of(piece, id)}, true});
    }
    return all;
}

}  // namespace skipstone::kernels
