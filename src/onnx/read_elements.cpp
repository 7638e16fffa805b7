// What is computed element by element.

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "onnx/scene.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

using Kind = op::Activation::Kind;
using Two = op::Arithmetic::Kind;

constexpr double largest = std::numeric_limits<float>::max();

// A bound of Clip: an attribute of old, an input since opset 11.
double bound(Scene const& scene, Node const& node, char const* attribute, int input, double otherwise) {
    if (node.opset() < 11) return node.number(attribute, otherwise);
    if (!node.has_input(input)) return otherwise;
    auto const& constant = scene.constant(node, input);
    node.require(constant.elements() == 1, "its input " + node.input(input) + " is not one number");
    return constant.number();
}

// log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
View softplus(Scene& scene, Node const& node, View const& x) {
    auto const positive = scene.applied(node, x, op::Relu{});
    auto small = scene.scaled(node, scene.applied(node, x, op::Activation{Kind::absolute}), -1, 0);
    small = scene.scaled(node, scene.applied(node, small, op::Activation{Kind::exponential}), 1, 1);
    return combined(scene, node, Two::add, positive, scene.applied(node, small, op::Activation{Kind::logarithm}));
}

View reciprocal(Scene& scene, Node const& node, View const& x, double numerator = 1) {
    return combined(scene, node, Two::divide, scene.scaled(node, x, 0, numerator), x);
}

View erf(Scene& scene, Node const& node, View x) {
    x.tensor = scene.sketch().add_missing(
        node.name(), x.tensor, [](double value) { return std::erf(value); },
        node.label() + ": there is an operator for GELU, x (1 + erf(x / sqrt 2)) / 2, and not for erf alone");
    return x;
}

View activated(Scene& scene, Node const& node, View const& x) {
    auto const& type = node.type();
    auto const apply = [&](Kind kind, double alpha = 0, double beta = 0) {
        return scene.applied(node, x, op::Activation{kind, alpha, beta});
    };
    if (type == "Relu") return scene.applied(node, x, op::Relu{});
    if (type == "Clip") {
        auto const low = bound(scene, node, "min", 1, -largest), high = bound(scene, node, "max", 2, largest);
        return apply(Kind::clip, std::min(low, high), high);
    }
    if (type == "LeakyRelu") return apply(Kind::leaky_relu, node.number("alpha", 0.01));
    if (type == "Elu") return apply(Kind::elu, node.number("alpha", 1));
    if (type == "Selu") {
        auto const alpha = node.number("alpha", 1.67326319217681884765625);
        return scene.scaled(node, apply(Kind::elu, alpha), node.number("gamma", 1.05070102214813232421875), 0);
    }
    if (type == "Celu") {
        auto const alpha = node.number("alpha", 1);
        node.require(alpha != 0, "its alpha is 0");
        auto const inner = scene.scaled(node, x, 1 / alpha, 0);
        return scene.scaled(node, scene.applied(node, inner, op::Activation{Kind::elu, 1}), alpha, 0);
    }
    if (type == "Sigmoid") return apply(Kind::sigmoid);
    if (type == "Tanh") return apply(Kind::tanh);
    if (type == "HardSigmoid") return apply(Kind::hard_sigmoid, node.number("alpha", 0.2), node.number("beta", 0.5));
    if (type == "HardSwish") return apply(Kind::hard_swish);
    if (type == "Gelu") {
        auto const how = node.text("approximate", "none");
        node.require(how == "none" || how == "tanh", "its approximate is neither none nor tanh");
        return apply(how == "none" ? Kind::gelu : Kind::gelu_tanh);
    }
    if (type == "Swish") {
        auto const inner = scene.scaled(node, x, node.number("alpha", 1), 0);
        return combined(scene, node, Two::multiply, x, scene.applied(node, inner, op::Activation{Kind::sigmoid}));
    }
    if (type == "Softplus") return softplus(scene, node, x);
    if (type == "Mish") {
        auto const inner = scene.applied(node, softplus(scene, node, x), op::Activation{Kind::tanh});
        return combined(scene, node, Two::multiply, x, inner);
    }
    if (type == "Softsign") {
        auto const size = scene.applied(node, x, op::Activation{Kind::absolute});
        return combined(scene, node, Two::divide, x, scene.scaled(node, size, 1, 1));
    }
    if (type == "Sqrt") return apply(Kind::square_root);
    if (type == "Log") return apply(Kind::logarithm);
    if (type == "Abs") return apply(Kind::absolute);
    if (type == "Exp") return apply(Kind::exponential);
    if (type == "Neg") return scene.scaled(node, x, -1, 0);
    if (type == "Reciprocal") return reciprocal(scene, node, x);
    SKIPSTONE_ENSURE(type == "Erf");
    return erf(scene, node, x);
}

// With a constant of one value per channel: scale x + shift.
View affine(Scene& scene, Node const& node, Scene::PerChannel const& at, std::string const& key,
            std::function<std::pair<float, float>(float)> change, Constant const& constant) {
    auto view = at.view;
    auto values = std::make_shared<Constant const>(constant);
    Weights weights{key + " of " + std::to_string(at.index.size()), [values, change, index = at.index] {
                        auto const all = values->reals();
                        std::vector<std::vector<float>> result(2);
                        for (auto const i : index) {
                            auto const [scale, shift] = change(all[i]);
                            result[0].push_back(scale);
                            result[1].push_back(shift);
                        }
                        return result;
                    }};
    // Where an index is moved, nobody has the same weights.
    for (std::size_t i = 0; i < at.index.size(); ++i)
        if (at.index[i] != i && at.index.size() == constant.elements()) weights.key.clear();
    if (at.index.size() != constant.elements()) weights.key.clear();
    view.tensor = scene.sketch().add(node.name(), op::Affine{}, {view.tensor}, std::move(weights));
    return view;
}

View with_number(Scene& scene, Node const& node, Two kind, View const& x, double number, bool comes_first) {
    auto const clip = [&](double low, double high) {
        return scene.applied(node, x, op::Activation{Kind::clip, low, high});
    };
    switch (kind) {
        case Two::add:
            return scene.scaled(node, x, 1, number);
        case Two::subtract:
            return comes_first ? scene.scaled(node, x, -1, number) : scene.scaled(node, x, 1, -number);
        case Two::multiply:
            return scene.scaled(node, x, number, 0);
        case Two::divide:
            return comes_first ? reciprocal(scene, node, x, number) : scene.scaled(node, x, 1 / number, 0);
        case Two::maximum:
            return clip(number, largest);
        case Two::minimum:
            return clip(-largest, number);
    }
    return x;
}

View with_constant(Scene& scene, Node const& node, Two kind, View const& x, Constant const& constant,
                   bool comes_first) {
    auto const at = scene.per_channel(node, x, constant.shape());
    node.require(constant.elements() >= 1, "computes with a constant that has no element");
    if (constant.elements() == 1 || (constant.elements() <= 65536 && constant.is_uniform())) {
        auto view = x;
        view.axes = at.view.axes;
        return with_number(scene, node, kind, view, constant.number(), comes_first);
    }
    auto const key = node.type() + " " + constant.name();
    auto const change = [&](View view, std::string const& what, auto function) {
        auto here = at;
        here.view = std::move(view);
        return affine(scene, node, here, constant.name().empty() ? "" : key + what, function, constant);
    };
    using Pair = std::pair<float, float>;
    switch (kind) {
        case Two::add:
            return change(at.view, "", [](float c) { return Pair(1.0F, c); });
        case Two::subtract:
            return comes_first ? change(at.view, " first", [](float c) { return Pair(-1.0F, c); })
                               : change(at.view, "", [](float c) { return Pair(1.0F, -c); });
        case Two::multiply:
            return change(at.view, "", [](float c) { return Pair(c, 0.0F); });
        case Two::divide:
            if (!comes_first) return change(at.view, "", [](float c) { return Pair(1 / c, 0.0F); });
            return combined(scene, node, Two::divide, change(at.view, " first", [](float c) { return Pair(0.0F, c); }),
                            at.view);
        case Two::maximum: {  // max(x - c, 0) + c
            auto const above = change(at.view, " below", [](float c) { return Pair(1.0F, -c); });
            return change(scene.applied(node, above, op::Relu{}), " back", [](float c) { return Pair(1.0F, c); });
        }
        case Two::minimum: {  // c - max(c - x, 0)
            auto const below = change(at.view, " above", [](float c) { return Pair(-1.0F, c); });
            return change(scene.applied(node, below, op::Relu{}), " back", [](float c) { return Pair(-1.0F, c); });
        }
    }
    return x;
}

// As [H,W,C] of an image, channels last.
bool is_image(View const& view) {
    return view.axes.size() == 4 && view.memory == joined({view.axes[2], view.axes[3], view.axes[1]});
}

bool includes(Factors const& all, Factors const& some) {
    return std::ranges::all_of(some, [&](auto const& factor) { return contains(all, factor); });
}

}  // namespace

View combined(Scene& scene, Node const& node, Two kind, View first, View second) {
    auto& layout = scene.layout();
    auto& sketch = scene.sketch();
    auto [a, b] = layout.aligned(std::move(first), std::move(second), node.name());
    if (!includes(a.memory, b.memory)) {
        node.require(includes(b.memory, a.memory), "its inputs " + text_of(a.shape()) + " and " + text_of(b.shape()) +
                                                       " are both repeated, which is not run");
        if (kind == Two::subtract)
            return scene.scaled(node, combined(scene, node, kind, std::move(b), std::move(a)), -1, 0);
        if (kind == Two::divide) return combined(scene, node, Two::multiply, reciprocal(scene, node, b), std::move(a));
        std::swap(a, b);
    }
    auto const axes = [&] {  // of what comes out
        auto all = a.axes;
        for (std::size_t i = 0; i < all.size(); ++i)
            if (all[i].empty()) all[i] = b.axes[i];
        return all;
    }();
    Operation operation = op::Arithmetic{kind};
    if (b.memory.size() == a.memory.size()) {
        bool const second_leads = is_image(b) && !is_image(a);
        if (second_leads)
            a = layout.ordered(a, b.memory, sketch.shape(b.tensor), node.name());
        else
            b = layout.ordered(b, a.memory, sketch.shape(a.tensor), node.name());
        if (kind == Two::add) operation = op::Add{};
    } else {
        auto const apart = layout.separated(a, b.memory, node.name());
        a = apart.view;
        Factors order;
        for (auto const& factor : a.memory)
            if (contains(b.memory, factor)) order.push_back(factor);
        auto const shape = sketch.shape(a.tensor);
        b = layout.ordered(b, order, {1, apart.h ? shape.h : 1, apart.w ? shape.w : 1, apart.c ? shape.c : 1},
                           node.name());
    }
    a.tensor = sketch.add(node.name(), std::move(operation), {a.tensor, b.tensor});
    a.axes = axes;
    return a;
}

void read_activation(Scene& scene, Node const& node) {
    auto result = activated(scene, node, scene.view(node, 0));
    node.expect_known_attributes();
    scene.give(node, std::move(result));
}

void read_prelu(Scene& scene, Node const& node) {
    node.expect_known_attributes();
    auto const& in = scene.view(node, 0);
    auto const slope = std::make_shared<Constant const>(scene.constant(node, 1));
    node.require(slope->elements() >= 1, "its slope has no element");
    if (slope->elements() == 1)
        return scene.give(node, scene.applied(node, in, op::Activation{Kind::leaky_relu, slope->number()}));
    auto at = scene.per_channel(node, in, slope->shape());
    Weights weights{"", [slope, index = at.index] {
                        auto const all = slope->reals();
                        std::vector<std::vector<float>> values(1);
                        for (auto const i : index) values[0].push_back(all[i]);
                        return values;
                    }};
    at.view.tensor = scene.sketch().add(node.name(), op::Prelu{}, {at.view.tensor}, std::move(weights));
    scene.give(node, std::move(at.view));
}

void read_arithmetic(Scene& scene, Node const& node) {
    auto const& type = node.type();
    auto const kind = type == "Sub"   ? Two::subtract
                      : type == "Mul" ? Two::multiply
                      : type == "Div" ? Two::divide
                      : type == "Max" ? Two::maximum
                      : type == "Min" ? Two::minimum
                                      : Two::add;
    node.expect_known_attributes();
    node.require(node.inputs() >= 1, "has no input");
    bool const is_first_constant = scene.is_constant(node, 0);
    // Tensors first, constants behind them: of more than two inputs no order matters.
    View result;
    bool is_there = false;
    for (int i = 0; i < node.inputs(); ++i) {
        if (scene.is_constant(node, i)) continue;
        result = is_there ? combined(scene, node, kind, result, scene.view(node, i)) : scene.view(node, i);
        is_there = true;
    }
    node.require(is_there, "computes with constants of a kind that is not computed with");
    for (int i = 0; i < node.inputs(); ++i)
        if (scene.is_constant(node, i))
            result = with_constant(scene, node, kind, result, scene.constant(node, i), is_first_constant);
    if (type == "Mean") result = scene.scaled(node, result, 1.0 / node.inputs(), 0);
    scene.give(node, std::move(result));
}

void read_power(Scene& scene, Node const& node) {
    node.expect_known_attributes();
    auto const& x = scene.view(node, 0);
    auto const& constant = scene.constant(node, 1);
    node.require(constant.elements() == 1 || (constant.elements() <= 65536 && constant.is_uniform()),
                 "has exponents of several values");
    auto const exponent = constant.number();
    if (exponent == 0.5) return scene.give(node, scene.applied(node, x, op::Activation{Kind::square_root}));
    if (exponent == -1) return scene.give(node, reciprocal(scene, node, x));
    if (exponent == -0.5)
        return scene.give(node, reciprocal(scene, node, scene.applied(node, x, op::Activation{Kind::square_root})));
    node.require(exponent >= 1 && exponent <= 8 && exponent == std::floor(exponent),
                 "its exponent is " + std::to_string(exponent) + "; 1 to 8, 1/2, -1/2 and -1 are run");
    auto result = x;
    for (int i = 1; i < static_cast<int>(exponent); ++i) result = combined(scene, node, Two::multiply, result, x);
    scene.give(node, std::move(result));
}

void read_comparison(Scene& scene, Node const& node) {
    scene.give(node, Missing{node.label() +
                             ": comparisons of what depends on the network's input are run in x / y where y is not 0, "
                             "else 0, alone"});
}

// Where(y == 0, 0, x / y): x y / max(y², tiny).
void read_choice(Scene& scene, Node const& node) {
    node.expect_known_attributes();
    auto const* equal = scene.producer(node.input(0));
    auto const* quotient = node.has_input(2) ? scene.producer(node.input(2)) : nullptr;
    auto const is_zero = [&](Node const& where, int input) {
        if (!scene.is_constant(where, input)) return false;
        auto const& constant = scene.constant(where, input);
        return constant.elements() >= 1 && constant.elements() <= 65536 && constant.is_uniform() &&
               constant.number() == 0;
    };
    bool const is_guard = equal && equal->type() == "Equal" && equal->inputs() == 2 && quotient &&
                          quotient->type() == "Div" && quotient->inputs() == 2 && is_zero(node, 1) &&
                          is_zero(*equal, 1) && equal->input(0) == quotient->input(1);
    node.require(is_guard && !scene.is_constant(*quotient, 0) && !scene.is_constant(*quotient, 1),
                 "chooses by what depends on the network's input; x / y where y is not 0, else 0, is run, and no other "
                 "choice");
    auto const &x = scene.view(*quotient, 0), &y = scene.view(*quotient, 1);
    auto const square = combined(scene, node, Two::multiply, y, y);
    auto const safe = scene.applied(node, square, op::Activation{Kind::clip, 1e-37, largest});
    auto const inverse = combined(scene, node, Two::divide, y, safe);
    scene.give(node, combined(scene, node, Two::multiply, x, inverse));
}

}  // namespace skipstone::onnx
