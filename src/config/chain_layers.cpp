#include "config/chain_layers.hpp"

#include <string>
#include <utility>

namespace skipstone::config {

namespace {

using networks::Layer;

constexpr int most_channels = 1'000'000;
constexpr int largest_window = 1 << 16;

int integer(TableReader& reader, std::string_view key, int low, int high, int otherwise) {
    return static_cast<int>(reader.integer(key, low, high).value_or(otherwise));
}

std::optional<Padding> read_padding(TableReader& reader) {
    Value const* value = reader.get("padding");
    if (!value) return Padding{};
    if (value->type == Value::Type::text) {
        if (value->text != "same")
            reader.fail("padding", "is \"" + value->text +
                                       "\"; write \"same\", a number of rows and columns, [rows, columns], or "
                                       "[top, left, bottom, right]");
        return std::nullopt;
    }
    if (value->type == Value::Type::list && value->items.size() == 4) {
        auto const sides = reader.integers("padding", 0, largest_window).value();
        auto const side = [&](std::size_t i) { return static_cast<int>(sides[i]); };
        return Padding{side(0), side(1), side(2), side(3)};
    }
    auto const both = read_extent(reader, "padding", 0, largest_window).value();
    return Padding{both.h, both.w, both.h, both.w};
}

void read_window(TableReader& reader, Layer& layer) {
    layer.kernel = reader.required("kernel", read_extent(reader, "kernel", 1, largest_window),
                                   "the size of its window, such as 3 or [10, 4]");
    bool const pools = layer.kind == Layer::Kind::max_pool || layer.kind == Layer::Kind::average_pool;
    layer.stride = read_extent(reader, "stride", 1, largest_window).value_or(pools ? layer.kernel : Extent{});
    layer.padding = read_padding(reader);
    if (layer.kind != Layer::Kind::average_pool)
        layer.dilation = read_extent(reader, "dilation", 1, largest_window).value_or(Extent{});
}

void read_function(TableReader& reader, std::string_view key, Layer& layer) {
    layer.activation = reader.choice(key, networks::function_names);
    if (layer.activation == Layer::Function::leaky_relu)
        layer.slope = reader.number("slope", {0, 1}).value_or(layer.slope);
}

void read_epsilon(TableReader& reader, Layer& layer) {
    layer.epsilon = reader.number("epsilon", {0, 1}).value_or(layer.epsilon);
}

void refuse_what_is_no_layer(TableReader& reader) {
    Value const* kind = reader.get("kind");
    if (!kind || kind->type != Value::Type::text) return;
    if (kind->text == "dropout") reader.fail("kind", "\"dropout\" has no effect but in training; leave the layer out");
    if (kind->text == "flatten")
        reader.fail("kind", "\"flatten\" is no layer here: \"fully-connected\" reads all that comes; leave it out");
}

Layer read_layer(TableReader reader) {
    using Kind = Layer::Kind;
    refuse_what_is_no_layer(reader);
    Layer layer{.kind = reader.required("kind", reader.choice("kind", networks::layer_kind_names),
                                        "what the layer is, such as \"convolution\"")};
    if (auto const name = reader.text("name")) {
        if (name->empty()) reader.fail("name", "is empty; leave it out, or give one");
        layer.name = *name;
    }
    if (layer.has_window()) read_window(reader, layer);
    if (layer.kind == Kind::convolution || layer.kind == Kind::fully_connected)
        if (auto const channels = reader.integer("channels", 1, most_channels))
            layer.channels = static_cast<int>(*channels);
    if (layer.kind == Kind::convolution) layer.groups = integer(reader, "groups", 1, most_channels, 1);
    if (layer.kind == Kind::depthwise) layer.multiplier = integer(reader, "multiplier", 1, most_channels, 1);
    if (layer.kind == Kind::average_pool) layer.counts_zeros = reader.boolean("counts_zeros").value_or(false);
    if (layer.is_weighted()) {
        layer.has_norm = reader.boolean("batch_norm").value_or(false);
        layer.has_bias = reader.boolean("bias").value_or(!layer.has_norm);
        if (layer.has_norm) read_epsilon(reader, layer);
        read_function(reader, "activation", layer);
    }
    if (layer.kind == Kind::batch_norm) read_epsilon(reader, layer);
    if (layer.kind == Kind::batch_norm || (layer.has_window() && !layer.is_weighted()))
        read_function(reader, "activation", layer);
    if (layer.kind == Kind::activation) {
        read_function(reader, "function", layer);
        layer.activation = reader.required("function", layer.activation, "which one, such as \"relu\"");
    }
    if (layer.kind == Kind::response_norm) {
        auto& r = layer.response;
        r.size = integer(reader, "size", 1, largest_window, r.size);
        r.alpha = reader.number("alpha", {}).value_or(r.alpha);
        r.beta = reader.number("beta", {}).value_or(r.beta);
        r.k = reader.number("k", {}).value_or(r.k);
    }
    reader.finish();
    return layer;
}

}  // namespace

std::optional<Extent> read_extent(TableReader& reader, std::string_view key, int low, int high) {
    Value const* value = reader.get(key);
    if (!value) return std::nullopt;
    if (value->type != Value::Type::list) {
        int const both = static_cast<int>(reader.integer(key, low, high).value());
        return Extent{both, both};
    }
    auto const sizes = reader.integers(key, low, high).value();
    if (sizes.size() != 2)
        reader.fail(key, "lists " + std::to_string(sizes.size()) + " numbers; write one, or [rows, columns]");
    return Extent{static_cast<int>(sizes[0]), static_cast<int>(sizes[1])};
}

networks::Chain read_chain(TableReader& reader) {
    networks::Chain chain;
    auto tables = reader.required("layer", reader.tables("layer"),
                                  "the layers, such as [{kind = \"convolution\", channels = 6, kernel = 5}, …]");
    for (auto& table : tables) chain.layers.push_back(read_layer(std::move(table)));
    return chain;
}

}  // namespace skipstone::config
