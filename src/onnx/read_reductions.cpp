// What runs over whole axes.

#include "onnx/scene.hpp"

namespace skipstone::onnx {

namespace {

using Kind = op::Reduce::Kind;
using Two = op::Arithmetic::Kind;

// Over some factors, which are gone then.
View reduced(Scene& scene, Node const& node, View const& view, Kind kind, Factors const& over) {
    if (over.empty()) return view;
    auto apart = scene.layout().separated(view, over, node.name());
    bool const is_image_mean = kind == Kind::mean && !apart.c && (apart.h || apart.w) &&
                               (apart.h || scene.sketch().shape(apart.view.tensor).h == 1) &&
                               (apart.w || scene.sketch().shape(apart.view.tensor).w == 1);
    Operation operation = op::Reduce{kind, apart.h, apart.w, apart.c};
    if (is_image_mean) operation = op::GlobalAverage{};
    apart.view.tensor = scene.sketch().add(node.name(), std::move(operation), {apart.view.tensor});
    std::erase_if(apart.view.memory, [&](auto const& factor) { return contains(over, factor); });
    for (auto& axis : apart.view.axes) std::erase_if(axis, [&](auto const& factor) { return contains(over, factor); });
    return apart.view;
}

}  // namespace

void read_reduction(Scene& scene, Node const& node) {
    auto view = scene.view(node, 0);
    auto const how = reduction_of(node, scene.constants(node), view.shape());
    node.expect_known_attributes();
    Factors over;
    for (auto const axis : how.axes) over.insert(over.end(), view.axes[axis].begin(), view.axes[axis].end());
    node.require(!has_batch(over), "mixes the images of a batch");
    auto const& type = node.type();
    if (type == "ReduceL1") view = scene.applied(node, view, op::Activation{op::Activation::Kind::absolute});
    if (type == "ReduceL2" || type == "ReduceSumSquare") view = combined(scene, node, Two::multiply, view, view);
    // Squares have factors of their own names.
    over.clear();
    for (auto const axis : how.axes) over.insert(over.end(), view.axes[axis].begin(), view.axes[axis].end());
    auto const kind = type == "ReduceMean"  ? Kind::mean
                      : type == "ReduceMax" ? Kind::maximum
                      : type == "ReduceMin" ? Kind::minimum
                                            : Kind::sum;
    view = reduced(scene, node, view, kind, over);
    if (type == "ReduceL2") view = scene.applied(node, view, op::Activation{op::Activation::Kind::square_root});
    if (!how.keeps_axes) {
        std::vector<Factors> axes;
        for (std::size_t i = 0; i < view.axes.size(); ++i)
            if (std::find(how.axes.begin(), how.axes.end(), i) == how.axes.end()) axes.push_back(view.axes[i]);
        view.axes = std::move(axes);
    }
    scene.give(node, std::move(view));
}

void read_softmax(Scene& scene, Node const& node) {
    auto const& in = scene.view(node, 0);
    bool const is_old = node.opset() < 13;  // then all axes from this one on are one
    auto const axis = axis_of(node, node.integer("axis", is_old ? 1 : -1), in.axes.size());
    node.expect_known_attributes();
    Factors over = in.axes[axis];
    if (is_old) over = joined({in.axes.begin() + static_cast<std::ptrdiff_t>(axis), in.axes.end()});
    node.require(!has_batch(over), "mixes the images of a batch");
    auto view = scene.layout().with_channels(in, over, node.name());
    if (node.type() == "Softmax") return scene.give(node, scene.applied(node, view, op::Softmax{}));
    // x - max - log(sum(exp(x - max))), which does not become log(0).
    auto const apart = combined(scene, node, Two::subtract, view, reduced(scene, node, view, Kind::maximum, over));
    auto const powers = scene.applied(node, apart, op::Activation{op::Activation::Kind::exponential});
    Factors of_powers = powers.axes[axis];
    if (is_old) of_powers = joined({powers.axes.begin() + static_cast<std::ptrdiff_t>(axis), powers.axes.end()});
    auto const sum = reduced(scene, node, powers, Kind::sum, of_powers);
    auto const logarithm = scene.applied(node, sum, op::Activation{op::Activation::Kind::logarithm});
    scene.give(node, combined(scene, node, Two::subtract, apart, logarithm));
}

}  // namespace skipstone::onnx
