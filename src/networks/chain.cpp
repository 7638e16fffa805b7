#include "networks/chain.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "networks/path.hpp"
#include "networks/text.hpp"
#include "units/error.hpp"

namespace skipstone::networks {

namespace {

constexpr std::size_t most_layers = 10'000;
constexpr std::size_t longest_name = 63;  // bytes: the trace's fixed-length strings, less their end

bool is_letter_or_sign(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

std::string stem_of(Layer::Kind kind) {
    switch (kind) {
        case Layer::Kind::convolution:
            return "conv";
        case Layer::Kind::depthwise:
            return "dw";
        case Layer::Kind::max_pool:
        case Layer::Kind::average_pool:
        case Layer::Kind::global_average:
            return "pool";
        case Layer::Kind::fully_connected:
            return "fc";
        case Layer::Kind::batch_norm:
            return "bn";
        case Layer::Kind::response_norm:
            return "norm";
        case Layer::Kind::activation:
            return "act";
        case Layer::Kind::softmax:
            return "softmax";
    }
    return "layer";
}

Operation function(Layer const& layer) {
    using Kind = op::Activation::Kind;
    switch (layer.activation.value()) {
        case Layer::Function::relu:
            return op::Relu{};
        case Layer::Function::relu6:
            return op::Activation{Kind::clip, 0, 6};
        case Layer::Function::leaky_relu:
            return op::Activation{Kind::leaky_relu, layer.slope, 0};
        case Layer::Function::elu:
            return op::Activation{Kind::elu, 1, 0};
        case Layer::Function::sigmoid:
            return op::Activation{Kind::sigmoid, 0, 0};
        case Layer::Function::tanh:
            return op::Activation{Kind::tanh, 0, 0};
        case Layer::Function::hard_sigmoid:
            return op::Activation{Kind::hard_sigmoid, 1.0 / 6, 0.5};
        case Layer::Function::hard_swish:
            return op::Activation{Kind::hard_swish, 0, 0};
        case Layer::Function::silu:
            return op::Activation{Kind::silu, 0, 0};
        case Layer::Function::gelu:
            return op::Activation{Kind::gelu, 0, 0};
    }
    return op::Relu{};
}

Window window_of(Layer const& layer, TensorShape input) {
    if (!layer.padding) return same_window(input, layer.kernel, layer.stride, layer.dilation);
    return {layer.kernel, layer.stride, *layer.padding, layer.dilation};
}

constexpr int most_channels = 1'000'000;

Operation operation(Layer const& layer, TensorShape input, int classes) {
    switch (layer.kind) {
        case Layer::Kind::convolution:
            return op::Convolution{window_of(layer, input), layer.channels.value_or(classes), layer.groups,
                                   layer.has_bias};
        case Layer::Kind::depthwise:
            return op::Convolution{window_of(layer, input), input.c * layer.multiplier, input.c, layer.has_bias};
        case Layer::Kind::max_pool:
            return op::MaxPool{window_of(layer, input)};
        case Layer::Kind::average_pool:
            return op::AveragePool{window_of(layer, input), layer.counts_zeros};
        case Layer::Kind::global_average:
            return op::GlobalAverage{};
        case Layer::Kind::fully_connected:
            return op::FullyConnected{layer.channels.value_or(classes), layer.has_bias};
        case Layer::Kind::batch_norm:
            return op::BatchNorm{layer.epsilon};
        case Layer::Kind::response_norm:
            return layer.response;
        case Layer::Kind::activation:
            return function(layer);
        case Layer::Kind::softmax:
            return op::Softmax{};
    }
    return op::Softmax{};
}

void validate(Chain const& shape) {
    auto const& layers = shape.layers;
    if (layers.size() > most_layers) throw InputError("a chain has at most " + std::to_string(most_layers) + " layers");
    auto const gives_classes = [](Layer const& layer) {
        return layer.kind == Layer::Kind::convolution || layer.kind == Layer::Kind::fully_connected;
    };
    auto const last = std::ranges::find_if(layers.rbegin(), layers.rend(), gives_classes);
    if (last == layers.rend())
        throw InputError("its layers give no classes; a convolution or a fully connected layer must");
    if (std::ranges::any_of(layers.rbegin(), last, &Layer::is_weighted))
        throw InputError(
            "its last weighted layer is a depthwise one; a convolution or a fully connected layer must "
            "give the classes");
    for (std::size_t i = 0; i < layers.size(); ++i) {
        auto const& layer = layers[i];
        auto const fail = [&](std::string const& message) {
            throw InputError("layer[" + std::to_string(i) + "]: " + message);
        };
        if (layer.name.size() > longest_name || !std::ranges::all_of(layer.name, is_letter_or_sign))
            fail("a name has at most " + std::to_string(longest_name) + " letters, digits, and any of \"_-.\"");
        if (!gives_classes(layer)) continue;
        bool const is_last = &layer == &*last;
        if (!is_last && !layer.channels)
            fail(
                "channels is missing; only the last convolution or fully connected layer gives as many as there are "
                "classes");
        if (is_last && layer.channels)
            fail(
                "channels has no effect on the last convolution or fully connected layer, which gives as many as "
                "there are classes; leave it out, and give classes = " +
                std::to_string(*layer.channels));
    }
}

class ChainFamily : public Family {
  public:
    explicit ChainFamily(Chain shape) : shape_(std::move(shape)) {}

    std::string_view name() const override { return "chain"; }

    Blueprint draw(NetworkProfile const& profile) const override {
        require_ordinary(profile);
        validate(shape_);
        Graph::Builder graph(profile.input);
        Path path(graph, TensorId(0));
        std::map<std::string, int> counts;
        for (auto const& layer : shape_.layers) {
            auto const stem = stem_of(layer.kind);
            auto const number = std::to_string(++counts[stem]);
            auto const name = layer.name.empty() ? stem + number : layer.name;
            if (layer.kind == Layer::Kind::depthwise && path.shape().c > most_channels / layer.multiplier)
                throw InputError("operator " + name + ": a depthwise layer gives at most " +
                                 std::to_string(most_channels) + " channels");
            path.add(name, operation(layer, path.shape(), profile.classes));
            if (layer.has_norm) path.add(name + "_bn", op::BatchNorm{layer.epsilon});
            if (layer.activation && layer.kind != Layer::Kind::activation) path.add(name + "_act", function(layer));
        }
        return {std::move(graph).finish(path.end())};
    }

    std::string lines() const override;

  private:
    Chain shape_;
};

// ---- text

std::string extent(Extent size) {
    return size.h == size.w ? std::to_string(size.h) : list({size.h, size.w});
}

std::string padding_text(Layer const& layer) {
    if (!layer.padding) return "\"same\"";
    auto const& p = *layer.padding;
    if (p.top != p.bottom || p.left != p.right) return list({p.top, p.left, p.bottom, p.right});
    return extent({p.top, p.left});
}

// Keys of a layer that are not as they are by themselves, but kernel and stride always.
std::string text_of(Layer const& layer) {
    using Kind = Layer::Kind;
    std::string text = "{kind = " + quoted(word_of(layer_kind_names, layer.kind));
    auto const add = [&](std::string_view key, std::string const& value) {
        text += ", " + std::string(key) + " = " + value;
    };
    if (!layer.name.empty()) add("name", quoted(layer.name));
    if (layer.channels) add("channels", std::to_string(*layer.channels));
    if (layer.has_window()) {
        add("kernel", extent(layer.kernel));
        add("stride", extent(layer.stride));
        if (layer.padding != Padding{}) add("padding", padding_text(layer));
        if (layer.dilation != Extent{}) add("dilation", extent(layer.dilation));
    }
    if (layer.kind == Kind::average_pool && layer.counts_zeros) add("counts_zeros", "true");
    if (layer.kind == Kind::convolution && layer.groups != 1) add("groups", std::to_string(layer.groups));
    if (layer.kind == Kind::depthwise && layer.multiplier != 1) add("multiplier", std::to_string(layer.multiplier));
    if (layer.is_weighted()) {
        add("bias", layer.has_bias ? "true" : "false");
        if (layer.has_norm) add("batch_norm", "true");
    }
    if (layer.has_norm || layer.kind == Kind::batch_norm) add("epsilon", number(layer.epsilon));
    if (layer.kind == Kind::response_norm) {
        auto const& r = layer.response;
        add("size", std::to_string(r.size));
        add("alpha", number(r.alpha));
        add("beta", number(r.beta));
        add("k", number(r.k));
    }
    if (layer.activation)
        add(layer.kind == Kind::activation ? "function" : "activation",
            quoted(word_of(function_names, *layer.activation)));
    if (layer.activation == Layer::Function::leaky_relu) add("slope", number(layer.slope));
    return text + "}";
}

std::string ChainFamily::lines() const {
    std::string text;
    for (auto const& layer : shape_.layers) text += "    " + text_of(layer) + ",\n";
    return line("layer", "[\n" + text + "]");
}

}  // namespace

std::shared_ptr<Family const> chain(Chain shape) {
    return std::make_shared<ChainFamily>(std::move(shape));
}

}  // namespace skipstone::networks
