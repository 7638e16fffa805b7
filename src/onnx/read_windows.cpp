// Convolutions, pools, and what normalises their channels.

#include <algorithm>
#include <memory>

#include "onnx/scene.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

int small(Node const& node, std::int64_t value, char const* what) {
    node.require(value >= 0 && value <= 65536,
                 "its " + std::string(what) + " of " + std::to_string(value) + " is not from 0 to 65536");
    return static_cast<int>(value);
}

// One number for each of rows and columns; signals have columns alone.
Extent extent_of(Node const& node, char const* attribute, std::size_t axes) {
    auto const values = node.integers(attribute).value_or(std::vector<std::int64_t>(axes, 1));
    node.require(values.size() == axes,
                 "its " + std::string(attribute) + " has not " + std::to_string(axes) + " numbers, one for each axis");
    for (auto const value : values) node.require(value >= 1, "its " + std::string(attribute) + " is less than 1");
    return {axes == 2 ? small(node, values[0], attribute) : 1, small(node, values.back(), attribute)};
}

struct Side {
    int before = 0, behind = 0;
};

// Of auto_pad: as many outputs as steps begin in the input.
Side same_padding(int input, int span, int stride, bool more_behind) {
    int const outputs = (input + stride - 1) / stride;
    int const all = std::max((outputs - 1) * stride + span - input, 0);
    int const less = all / 2;
    return more_behind ? Side{less, all - less} : Side{all - less, less};
}

Window window_of(Node const& node, TensorShape in, Extent kernel, std::size_t axes) {
    Window window{kernel, extent_of(node, "strides", axes), {}, extent_of(node, "dilations", axes)};
    auto const automatic = node.text("auto_pad", "NOTSET");
    auto const pads = node.integers("pads");
    auto& padding = window.padding;
    auto const span = window.span();
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
        bool const upper = automatic == "SAME_UPPER";
        auto const rows = same_padding(in.h, span.h, window.stride.h, upper);
        auto const columns = same_padding(in.w, span.w, window.stride.w, upper);
        padding = {rows.before, columns.before, rows.behind, columns.behind};
    } else if (automatic == "NOTSET" && pads) {
        node.require(pads->size() == 2 * axes, "its pads are not two for each axis");
        auto const at = [&](std::size_t i) { return small(node, (*pads)[i], "padding"); };
        padding = axes == 2 ? Padding{at(0), at(1), at(2), at(3)} : Padding{0, at(0), 0, at(1)};
    } else {
        node.require(automatic == "NOTSET" || automatic == "VALID", "its auto_pad is " + automatic);
    }
    return window;
}

// What ceil_mode adds behind, so that the last step that begins in the input or before it is taken.
int ceiled(int input, int before, int behind, int span, int stride) {
    int const room = input + before + behind - span;
    if (room < 0) return 0;
    int steps = (room + stride - 1) / stride;
    if (steps * stride >= input + before) --steps;
    return std::max(steps * stride - room, 0);
}

View pooled(Scene& scene, Node const& node, View const& from, TensorId input, Operation operation) {
    auto const tensor = scene.sketch().add(node.name(), std::move(operation), {input});
    return scene.layout().image(tensor, from.axes[0], from.axes.size());
}

}  // namespace

void read_convolution(Scene& scene, Node const& node) {
    auto const in = scene.layout().spatial(scene.view(node, 0), node.name());
    auto const axes = in.axes.size() - 2;
    auto const weights = std::make_shared<Constant const>(scene.constant(node, 1));
    auto const& shape = weights->shape();
    node.require(shape.size() == axes + 2,
                 "its weights " + text_of(shape) + " do not fit its input " + text_of(in.shape()));
    for (auto const size : shape) node.require(size >= 1 && size <= (1 << 24), "its weights are " + text_of(shape));
    Extent const kernel{axes == 2 ? small(node, shape[2], "kernel") : 1, small(node, shape.back(), "kernel")};
    if (auto const told = node.integers("kernel_shape"))
        node.require(std::ranges::equal(*told, std::span(shape).subspan(2)),
                     "its kernel_shape is not that of its weights " + text_of(shape));
    auto const image = scene.sketch().shape(in.tensor);
    op::Convolution convolution{window_of(node, image, kernel, axes), static_cast<int>(shape[0]),
                                small(node, node.integer("group", 1), "group"), node.has_input(2)};
    node.require(
        convolution.groups >= 1 && image.c % convolution.groups == 0 && shape[1] == image.c / convolution.groups,
        "its weights " + text_of(shape) + " are not for " + std::to_string(image.c) + " channels in " +
            std::to_string(convolution.groups) + " groups");
    ConstantPointer bias;
    if (convolution.has_bias) {
        bias = std::make_shared<Constant const>(scene.constant(node, 2));
        node.require(bias->elements() == static_cast<std::size_t>(shape[0]),
                     "its bias " + text_of(bias->shape()) + " is not for " + std::to_string(shape[0]) + " outputs");
    }
    node.expect_known_attributes();
    Weights made{"convolution " + node.input(1) + (bias ? ", " + node.input(2) : ""), [weights, bias] {
                     std::vector<std::vector<float>> values;
                     values.push_back(weights->reals());
                     if (bias) values.push_back(bias->reals());
                     return values;
                 }};
    auto const tensor = scene.sketch().add(node.name(), convolution, {in.tensor}, std::move(made));
    scene.give(node, scene.layout().image(tensor, in.axes[0], in.axes.size()));
}

void read_pool(Scene& scene, Node const& node) {
    auto in = scene.layout().spatial(scene.view(node, 0), node.name());
    auto const axes = in.axes.size() - 2;
    node.require(node.has("kernel_shape"), "has no kernel_shape");
    auto const kernel = extent_of(node, "kernel_shape", axes);
    auto const image = scene.sketch().shape(in.tensor);
    auto window = window_of(node, image, kernel, axes);
    bool const takes_mean = node.type() == "AveragePool";
    bool counts_padding = takes_mean && node.integer("count_include_pad", 0) != 0;
    node.ignore("storage_order");
    if (node.integer("ceil_mode", 0) != 0) {
        auto& p = window.padding;
        auto const span = window.span();
        int const below = ceiled(image.h, p.top, p.bottom, span.h, window.stride.h);
        int const right = ceiled(image.w, p.left, p.right, span.w, window.stride.w);
        if (counts_padding && (below > 0 || right > 0)) {
            // What is behind the padding is not part of the mean.
            if (p != Padding{}) in.tensor = scene.sketch().add(node.name() + ".pad", op::Pad{{}, p, 0}, {in.tensor});
            p = {};
            counts_padding = false;
        }
        p.bottom += below;
        p.right += right;
    }
    node.expect_known_attributes();
    scene.give(node, Missing{node.label() + ": the places of its maxima are not computed"}, 1);
    if (!takes_mean) return scene.give(node, pooled(scene, node, in, in.tensor, op::MaxPool{window}));
    bool const is_whole = window.kernel == Extent{image.h, image.w} && window.padding == Padding{};
    scene.give(node, is_whole ? pooled(scene, node, in, in.tensor, op::GlobalAverage{})
                              : pooled(scene, node, in, in.tensor, op::AveragePool{window, counts_padding}));
}

void read_global_pool(Scene& scene, Node const& node) {
    auto const in = scene.layout().spatial(scene.view(node, 0), node.name());
    node.expect_known_attributes();
    Operation const operation = node.type() == "GlobalAveragePool"
                                    ? Operation(op::GlobalAverage{})
                                    : Operation(op::Reduce{op::Reduce::Kind::maximum, true, true, false});
    scene.give(node, pooled(scene, node, in, in.tensor, operation));
}

void read_response_norm(Scene& scene, Node const& node) {
    auto const in = scene.layout().spatial(scene.view(node, 0), node.name());
    op::ResponseNorm const norm{small(node, node.integer("size", 0), "size"), node.number("alpha", 1e-4),
                                node.number("beta", 0.75), node.number("bias", 1)};
    node.require(norm.size % 2 == 1, "its size is even; odd ones are run");
    node.expect_known_attributes();
    scene.give(node, scene.applied(node, in, norm));
}

void read_batch_norm(Scene& scene, Node const& node) {
    auto const& in = scene.view(node, 0);
    auto const shape = in.shape();
    node.require(shape.size() >= 2, "needs an input of two axes and more");
    bool trains = node.integer("training_mode", 0) != 0;
    for (int i = 1; i < node.outputs(); ++i) trains = trains || node.has_output(i);
    node.require(!trains, "is in training mode; export the model for inference (model.eval())");
    node.require(node.integer("spatial", 1) != 0, "normalises each pixel by numbers of its own (spatial = 0)");
    node.ignore("momentum");
    op::BatchNorm const norm{node.number("epsilon", 1e-5)};
    node.expect_known_attributes();
    std::vector<ConstantPointer> parameters;
    std::string key = "batch norm";
    for (int i = 1; i < 5; ++i) {
        parameters.push_back(std::make_shared<Constant const>(scene.constant(node, i)));
        node.require(
            parameters.back()->elements() == static_cast<std::size_t>(shape[1]),
            "its input " + node.input(i) + " has not one number for each of " + std::to_string(shape[1]) + " channels");
        key += ", " + node.input(i);
    }
    Shape per_channel(shape.size() - 1, 1);
    per_channel[0] = shape[1];
    auto placed = scene.per_channel(node, in, per_channel);
    for (std::size_t i = 0; i < placed.index.size(); ++i)
        if (placed.index[i] != i) key.clear();  // nobody else has them in this order
    Weights weights{std::move(key), [parameters, index = placed.index] {
                        std::vector<std::vector<float>> values;
                        for (auto const& parameter : parameters) {
                            auto const all = parameter->reals();
                            auto& here = values.emplace_back();
                            for (auto const i : index) here.push_back(all[i]);
                        }
                        return values;
                    }};
    placed.view.tensor = scene.sketch().add(node.name(), norm, {placed.view.tensor}, std::move(weights));
    scene.give(node, std::move(placed.view));
}

}  // namespace skipstone::onnx
