#include "exits/head.hpp"

#include <algorithm>
#include <utility>

#include "units/error.hpp"
#include "units/plain_text.hpp"

namespace skipstone::exits {

namespace {

constexpr std::int64_t most_grid = 64, most_channels = 4096;

[[noreturn]] void no_kind(std::string_view text) {
    throw InputError(
        "\"" + std::string(text) +
        "\" is no kind of head; there are poolG (averages over a grid of G x G, then a fully connected "
        "operator), poolGmax (maxima beside the averages), and behind either of them -N (a fully connected "
        "layer of N before) or -convN (a 3 x 3 convolution of N channels before), e.g. pool2, "
        "pool4max-128, pool8-conv32");
}

int number(std::string_view text, std::string_view digits, std::int64_t most) {
    try {
        return static_cast<int>(parse_whole_number(std::string(digits), 1, most));
    } catch (InputError const&) {
        no_kind(text);
    }
}

Window window_of(TensorShape input, int grid) {
    auto const rows = stride_of(input.h, grid), columns = stride_of(input.w, grid);
    return {{rows.window, columns.window}, {rows.stride, columns.stride}, {}};
}

TensorId add_averages(Graph::Builder& builder, std::string name, TensorId from, int grid) {
    auto const input = builder.shape(from);
    auto const window = window_of(input, grid);
    if (window.kernel == Extent{1, 1}) return from;
    if (window.kernel == Extent{input.h, input.w}) return builder.add(std::move(name), op::GlobalAverage{}, {from});
    return builder.add(std::move(name), op::AveragePool{window}, {from});
}

TensorShape averaged_shape(TensorShape input, int grid) {
    return {1, std::min(grid, input.h), std::min(grid, input.w), input.c};
}

}  // namespace

std::string to_string(HeadKind const& kind) {
    auto text = "pool" + std::to_string(kind.pooling.grid) + (kind.pooling.maxima ? "max" : "");
    if (kind.layer == HeadKind::Layer::none) return text;
    return text + (kind.layer == HeadKind::Layer::convolution ? "-conv" : "-") + std::to_string(kind.channels);
}

HeadKind parse_head_kind(std::string_view text) {
    if (!text.starts_with("pool")) no_kind(text);
    HeadKind kind;
    auto const dash = text.find('-');
    auto pooling = text.substr(4, dash == std::string_view::npos ? dash : dash - 4);
    kind.pooling.maxima = pooling.ends_with("max");
    if (kind.pooling.maxima) pooling.remove_suffix(3);
    kind.pooling.grid = number(text, pooling, most_grid);
    if (dash == std::string_view::npos) return kind;
    auto layer = text.substr(dash + 1);
    kind.layer = layer.starts_with("conv") ? HeadKind::Layer::convolution : HeadKind::Layer::full;
    if (kind.layer == HeadKind::Layer::convolution) layer.remove_prefix(4);
    kind.channels = number(text, layer, most_channels);
    return kind;
}

Stride stride_of(int extent, int grid) {
    int const places = std::min(grid, extent), stride = extent / places;
    return {extent - (places - 1) * stride, stride};
}

TensorShape pooled_shape(TensorShape input, Pooling pooling) {
    auto shape = averaged_shape(input, pooling.grid);
    if (pooling.maxima) shape.c *= 2;
    return shape;
}

Graph head_graph(std::string const& name, TensorShape input, HeadKind const& kind, int classes) {
    input.n = 1;
    Graph::Builder builder(input);
    TensorId const image(0);
    auto last = add_averages(builder, name + ".average", image, kind.pooling.grid);
    if (kind.pooling.maxima) {
        auto const maxima = builder.add(name + ".maximum", op::MaxPool{window_of(input, kind.pooling.grid)}, {image});
        last = builder.add(name + ".join", op::Concat{Axis::c}, {last, maxima});
    }
    if (kind.layer == HeadKind::Layer::convolution)
        last = builder.add(name + ".layer", op::Convolution{square_window(3, 1, 1), kind.channels, 1, true}, {last});
    if (kind.layer == HeadKind::Layer::full)
        last = builder.add(name + ".layer", op::FullyConnected{kind.channels, true}, {last});
    if (kind.layer != HeadKind::Layer::none) last = builder.add(name + ".relu", op::Relu{}, {last});
    if (kind.layer == HeadKind::Layer::convolution)
        last = add_averages(builder, name + ".pool", last, grid_behind_convolution);
    last = builder.add(name + ".fc", op::FullyConnected{classes, true}, {last});
    return std::move(builder).finish(last);
}

HeadWeights::HeadWeights(Graph const& graph, HeadKind const& kind, HeadNumbers const& numbers) {
    auto const add = [&](std::string const& name, std::vector<std::size_t> shape, std::vector<float> values) {
        names_.push_back(name);
        values_.push_back({std::move(shape), std::move(values)});
    };
    // [O, H, W, C] → [O, C, H, W]
    auto const turned = [](std::vector<float> const& from, std::size_t outputs, TensorShape shape) {
        std::vector<float> to(from.size());
        auto const pixels = static_cast<std::size_t>(shape.h) * static_cast<std::size_t>(shape.w);
        auto const channels = static_cast<std::size_t>(shape.c);
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t p = 0; p < pixels; ++p)
                for (std::size_t c = 0; c < channels; ++c)
                    to[(o * channels + c) * pixels + p] = from[(o * pixels + p) * channels + c];
        return to;
    };
    for (auto const& op : graph.operators()) {
        auto const input = graph.at(op.inputs.front()).shape;
        auto const add_pair = [&](int count, std::vector<std::size_t> const& shape, TensorShape read,
                                  auto const& weights, auto const& bias) {
            auto const outputs = static_cast<std::size_t>(count);
            std::vector<std::size_t> whole{outputs};
            whole.insert(whole.end(), shape.begin(), shape.end());
            add(op.weights + ".weight", std::move(whole), turned(weights, outputs, read));
            add(op.weights + ".bias", {outputs}, bias);
        };
        if (auto const* convolution = op.as<op::Convolution>())
            add_pair(convolution->outputs, {static_cast<std::size_t>(input.c), 3, 3}, {1, 3, 3, input.c}, numbers.layer,
                     numbers.layer_bias);
        else if (auto const* full = op.as<op::FullyConnected>(); full && op.output != graph.output())
            add_pair(full->outputs, {input.elements()}, input, numbers.layer, numbers.layer_bias);
        else if (full)
            add_pair(full->outputs, {input.elements()}, input, numbers.weights, numbers.bias);
    }
    SKIPSTONE_ENSURE(names_.size() == (kind.layer == HeadKind::Layer::none ? 2U : 4U));
}

kernels::WeightValues HeadWeights::read(std::string_view name) {
    auto const found = std::ranges::find(names_, name);
    SKIPSTONE_EXPECT(found != names_.end());
    return values_[static_cast<std::size_t>(found - names_.begin())];
}

}  // namespace skipstone::exits
