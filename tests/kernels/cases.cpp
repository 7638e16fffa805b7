#include "cases.hpp"

#include <algorithm>
#include <utility>

namespace skipstone::kernels {

namespace {

// A network that is what a function draws.
class Drawn : public Family {
  public:
    explicit Drawn(Draw draw) : draw_(std::move(draw)) {}
    std::string_view name() const override { return "drawn"; }
    Blueprint draw(NetworkProfile const& profile) const override {
        Graph::Builder graph(profile.input);
        auto const output = draw_(graph, TensorId(0));
        return {std::move(graph).finish(output)};
    }
    std::string lines() const override { return ""; }

  private:
    Draw draw_;
};

Draw one(Operation operation) {
    return [operation = std::move(operation)](Graph::Builder& graph, TensorId from) {
        return graph.add("op", operation, {from});
    };
}

Window window(Extent kernel, Extent stride, Padding padding, Extent dilation = {}) {
    return {kernel, stride, padding, dilation};
}

op::Convolution conv(int outputs, Window const& w, int groups = 1, bool has_bias = true) {
    return {w, outputs, groups, has_bias};
}

TensorId convolved(Graph::Builder& graph, std::string const& name, TensorId from, int outputs, int kernel = 3,
                   int stride = 1, int groups = 1) {
    return graph.add(name, conv(outputs, square_window(kernel, stride, kernel / 2), groups), {from});
}

std::vector<op::Activation> activations() {
    using enum op::Activation::Kind;
    return {{clip, 0, 0.4},
            {clip, -0.3, 0.5},
            {leaky_relu, 0.1},
            {elu, 0.7},
            {sigmoid},
            {tanh},
            {hard_sigmoid, 0.2, 0.5},
            {hard_swish},
            {silu},
            {gelu},
            {gelu_tanh},
            {absolute},
            {exponential}};
}

}  // namespace

NetworkProfile drawn(TensorShape input, Draw draw, Precision precision) {
    NetworkProfile profile{.name = "drawn", .family = std::make_shared<Drawn>(std::move(draw)), .input = input};
    profile.precision = precision;
    return profile;
}

std::vector<Case> convolution_cases() {
    auto const plain = square_window(3, 1, 1);
    std::vector<Case> cases{
        {"bias", {1, 9, 7, 16}, one(conv(32, plain))},
        {"no bias", {1, 9, 7, 5}, one(conv(3, plain, 1, false))},
        {"stride 2", {1, 11, 8, 16}, one(conv(16, square_window(3, 2, 1)))},
        {"tall window", {1, 12, 10, 3}, one(conv(8, window({5, 2}, {2, 1}, {2, 0, 1, 1})))},
        {"10 x 4, asymmetric", {1, 49, 10, 1}, one(conv(64, window({10, 4}, {2, 2}, {4, 1, 5, 1})))},
        {"one row", {1, 1, 60, 4}, one(conv(8, window({1, 7}, {1, 2}, {0, 3, 0, 3})))},
        {"dilated", {1, 13, 13, 16}, one(conv(16, window({3, 3}, {1, 1}, {2, 2, 2, 2}, {2, 2})))},
        {"dilated by two numbers", {1, 13, 15, 8}, one(conv(8, window({3, 2}, {1, 2}, {2, 1, 0, 3}, {2, 3})))},
        {"groups", {1, 7, 7, 32}, one(conv(48, plain, 2))},
        {"odd groups", {1, 7, 7, 15}, one(conv(6, plain, 3))},
        {"depthwise", {1, 14, 14, 32}, one(conv(32, plain, 32))},
        {"depthwise of an odd number", {1, 9, 9, 13}, one(conv(13, square_window(3, 2, 1), 13))},
        {"depthwise with a multiplier", {1, 8, 8, 6}, one(conv(12, plain, 6))},
        {"fully connected behind an image", {1, 3, 4, 5}, one(op::FullyConnected{7})},
        {"fully connected without bias", {1, 1, 1, 260}, one(op::FullyConnected{9, false})},
    };
    cases.push_back(
        {"batch norm behind a bias, affine behind that", {1, 6, 6, 4}, [](Graph::Builder& graph, TensorId from) {
             auto const x = graph.add("norm", op::BatchNorm{1e-3}, {convolved(graph, "conv", from, 8)});
             return graph.add("affine", op::Affine{}, {x});
         }});
    cases.push_back({"padding that convolutions take", {1, 6, 7, 4}, [](Graph::Builder& graph, TensorId from) {
                         auto const padded = graph.add("pad", op::Pad{op::Pad::Mode::constant, {1, 0, 2, 3}}, {from});
                         auto const a = graph.add("a", conv(8, window({3, 3}, {2, 2}, {})), {padded});
                         auto const b = graph.add("b", conv(8, window({3, 3}, {2, 2}, {})), {padded});
                         return graph.add("sum", op::Add{}, {a, b});
                     }});
    cases.push_back({"shared weights", {1, 8, 8, 8}, [](Graph::Builder& graph, TensorId from) {
                         auto const a = convolved(graph, "a", from, 8);
                         auto const b = graph.add("b", conv(8, square_window(3, 1, 1)), {a}, "a");
                         auto const small = graph.add("pool", op::MaxPool{square_window(2, 2, 0)}, {b});
                         return graph.add("c", conv(8, square_window(3, 1, 1)), {small}, "a");
                     }});
    cases.push_back(
        {"a convolution of its own input is added to it", {1, 5, 5, 16}, [](Graph::Builder& graph, TensorId from) {
             auto const x = convolved(graph, "a", from, 16);
             return graph.add("sum", op::Add{}, {x, convolved(graph, "b", x, 16)});
         }});
    return cases;
}

std::vector<Case> other_cases() {
    TensorShape const image{1, 9, 8, 12};
    using enum op::Pad::Mode;
    std::vector<Case> cases{
        {"max pool", image, one(op::MaxPool{square_window(3, 2, 1)})},
        {"max pool, uneven", image, one(op::MaxPool{window({2, 3}, {2, 1}, {1, 0, 0, 2})})},
        {"dilated max pool", image, one(op::MaxPool{window({2, 3}, {1, 1}, {1, 1, 0, 1}, {2, 2})})},
        {"average pool", image, one(op::AveragePool{square_window(3, 2, 1)})},
        {"average pool that counts zeros", image, one(op::AveragePool{square_window(3, 2, 1), true})},
        {"dilated average pool", image, one(op::AveragePool{window({2, 2}, {1, 1}, {1, 0, 0, 1}, {3, 2})})},
        {"dilated average pool that counts zeros", image,
         one(op::AveragePool{window({2, 2}, {1, 1}, {1, 0, 0, 1}, {3, 2}), true})},
        {"global average", image, one(op::GlobalAverage{})},
        {"batch norm alone", image, one(op::BatchNorm{})},
        {"affine alone", image, one(op::Affine{})},
        {"response norm", image, one(op::ResponseNorm{5, 0.3, 0.75, 1})},
        {"response norm of an even size", image, one(op::ResponseNorm{4, 0.3, 0.6, 2})},
        {"ReLU", image, one(op::Relu{})},
        {"PReLU", image, one(op::Prelu{})},
        {"softmax", image, one(op::Softmax{})},
        {"zeros around", image, one(op::Pad{constant, {1, 2, 0, 3}})},
        {"another number around", image, one(op::Pad{constant, {1, 2, 0, 3}, -0.5})},
        {"reflection", image, one(op::Pad{reflect, {1, 2, 3, 0}})},
        {"edges", image, one(op::Pad{edge, {1, 2, 3, 0}})},
        {"slice of rows", image, one(op::Slice{Axis::h, 1, 8, 3})},
        {"slice of columns", image, one(op::Slice{Axis::w, 2, 8, 2})},
        {"slice of channels", image, one(op::Slice{Axis::c, 3, 9, 1})},
        {"every other channel", image, one(op::Slice{Axis::c, 1, 12, 2})},
        {"reshape", image, one(op::Reshape{4, 18, 12})},
        {"transpose", image, one(op::Transpose{{Axis::c, Axis::h, Axis::w}})},
        {"transpose of rows and columns", image, one(op::Transpose{{Axis::w, Axis::h, Axis::c}})},
        {"subsample", image, one(op::Subsample{2, 17})},
    };
    using Reduction = op::Reduce::Kind;
    for (auto const kind : {Reduction::sum, Reduction::mean, Reduction::maximum, Reduction::minimum}) {
        cases.push_back({"reduction of rows and columns", image, one(op::Reduce{kind, true, true, false})});
        cases.push_back({"reduction of channels", image, one(op::Reduce{kind, false, false, true})});
        cases.push_back({"reduction of columns", image, one(op::Reduce{kind, false, true, false})});
    }
    return cases;
}

// What follows a convolution, and what stands alone; then of numbers that are positive.
std::vector<Case> activation_cases() {
    std::vector<Case> cases;
    for (auto const& activation : activations()) {
        auto const name = "activation " + std::to_string(static_cast<int>(activation.kind));
        cases.push_back({name, {1, 5, 7, 16}, one(activation)});
        cases.push_back(
            {name + " behind a convolution", {1, 5, 7, 16}, [activation](Graph::Builder& graph, TensorId from) {
                 return graph.add("op", activation, {convolved(graph, "conv", from, 16)});
             }});
        cases.push_back(
            {name + " behind a sum of convolutions", {1, 5, 7, 16}, [activation](Graph::Builder& graph, TensorId from) {
                 auto const a = convolved(graph, "a", from, 16), b = convolved(graph, "b", from, 16);
                 return graph.add("op", activation, {graph.add("sum", op::Add{}, {a, b})});
             }});
        cases.push_back({name + " behind a sum", {1, 5, 7, 16}, [activation](Graph::Builder& graph, TensorId from) {
                             auto const a = graph.add("a", op::Relu{}, {from});
                             auto const b = graph.add("b", op::MaxPool{square_window(3, 1, 1)}, {from});
                             return graph.add("op", activation, {graph.add("sum", op::Add{}, {a, b})});
                         }});
    }
    for (auto const kind : {op::Activation::Kind::square_root, op::Activation::Kind::logarithm})
        cases.push_back({"of positive numbers", {1, 5, 7, 16}, [kind](Graph::Builder& graph, TensorId from) {
                             auto const positive =
                                 graph.add("positive", op::Activation{op::Activation::Kind::clip, 0.1, 1}, {from});
                             return graph.add("op", op::Activation{kind}, {positive});
                         }});
    return cases;
}

std::vector<Case> combination_cases() {
    std::vector<Case> cases;
    using enum op::Arithmetic::Kind;
    for (auto const kind : {add, subtract, multiply, divide, maximum, minimum})
        for (int const form : {0, 1, 2, 3})
            cases.push_back(
                {"arithmetic", {1, 6, 5, 8}, [kind, form](Graph::Builder& graph, TensorId from) {
                     // Not near 0: it divides.
                     TensorId second = graph.add("positive", op::Activation{op::Activation::Kind::exponential}, {from});
                     if (form == 1) second = graph.add("pixel", op::GlobalAverage{}, {second});
                     if (form == 2)
                         second = graph.add("plane", op::Reduce{op::Reduce::Kind::mean, false, false, true}, {second});
                     if (form == 3)
                         second = graph.add("row", op::Reduce{op::Reduce::Kind::maximum, true, false, false}, {second});
                     return graph.add("op", op::Arithmetic{kind}, {from, second});
                 }});
    for (auto const axis : {Axis::h, Axis::w, Axis::c})
        cases.push_back({"concatenation", {1, 6, 5, 8}, [axis](Graph::Builder& graph, TensorId from) {
                             auto const a = convolved(graph, "a", from, 8);
                             auto const b = graph.add("b", op::Slice{axis, 1, 4}, {from});
                             return graph.add("op", op::Concat{axis}, {a, b, from});
                         }});
    cases.push_back({"squeeze and excite", {1, 8, 8, 16}, [](Graph::Builder& graph, TensorId from) {
                         auto const x = graph.add("swish", op::Activation{op::Activation::Kind::hard_swish},
                                                  {convolved(graph, "conv", from, 32)});
                         auto s = graph.add("mean", op::GlobalAverage{}, {x});
                         s = graph.add("relu", op::Relu{}, {convolved(graph, "less", s, 8, 1)});
                         s = graph.add("gate", op::Activation{op::Activation::Kind::hard_sigmoid, 1.0 / 6, 0.5},
                                       {convolved(graph, "more", s, 32, 1)});
                         return graph.add("scaled", op::Arithmetic{multiply}, {x, s});
                     }});
    cases.push_back(
        {"channel shuffle", {1, 6, 6, 12}, [](Graph::Builder& graph, TensorId from) {
             auto x = graph.add("split", op::Reshape{36, 3, 4}, {convolved(graph, "conv", from, 12, 1, 1, 3)});
             x = graph.add("turn", op::Transpose{{Axis::h, Axis::c, Axis::w}}, {x});
             x = graph.add("join", op::Reshape{6, 6, 12}, {x});
             return convolved(graph, "depthwise", x, 12, 3, 1, 12);
         }});
    cases.push_back(
        {"dense block", {1, 7, 7, 8}, [](Graph::Builder& graph, TensorId from) {
             auto x = from;
             for (std::string const i : {"1", "2", "3"}) {
                 auto const y = graph.add("relu" + i, op::Relu{}, {graph.add("norm" + i, op::BatchNorm{}, {x})});
                 x = graph.add("concat" + i, op::Concat{}, {x, convolved(graph, "conv" + i, y, 6)});
             }
             return graph.add("pool", op::AveragePool{square_window(2, 2, 0)}, {convolved(graph, "last", x, 10, 1)});
         }});
    cases.push_back({"inception", {1, 9, 9, 16}, [](Graph::Builder& graph, TensorId from) {
                         auto const x = graph.add("first", op::Relu{}, {convolved(graph, "conv", from, 16)});
                         auto const a = graph.add("a2", op::Relu{}, {convolved(graph, "a", x, 8, 1)});
                         auto const b = graph.add("b2", op::Relu{}, {convolved(graph, "b", x, 12, 3)});
                         auto const c =
                             convolved(graph, "c", graph.add("pool", op::MaxPool{square_window(3, 1, 1)}, {x}), 4, 1);
                         return graph.add("concat", op::Concat{}, {a, b, graph.add("c2", op::Relu{}, {c})});
                     }});
    cases.push_back(
        {"inverted residuals", {1, 8, 8, 16}, [](Graph::Builder& graph, TensorId from) {
             auto x = convolved(graph, "stem", from, 16);
             op::Activation const relu6{op::Activation::Kind::clip, 0, 6};
             for (std::string const i : {"1", "2"}) {
                 auto y = graph.add("a" + i, relu6, {convolved(graph, "expand" + i, x, 48, 1)});
                 y = graph.add("b" + i, relu6, {convolved(graph, "depthwise" + i, y, 48, 3, 1, 48)});
                 x = graph.add(
                     "sum" + i, op::Add{},
                     {x, graph.add("norm" + i, op::BatchNorm{}, {convolved(graph, "project" + i, y, 16, 1)})});
             }
             return graph.add("logits", op::FullyConnected{5}, {graph.add("mean", op::GlobalAverage{}, {x})});
         }});
    cases.push_back(
        {"a shortcut with a pool", {1, 10, 10, 8}, [](Graph::Builder& graph, TensorId from) {
             auto const x = graph.add("relu", op::Relu{}, {convolved(graph, "stem", from, 8)});
             auto const f = graph.add(
                 "norm", op::BatchNorm{},
                 {convolved(graph, "b", graph.add("mid", op::Relu{}, {convolved(graph, "a", x, 8, 3, 2)}), 8)});
             auto const s = graph.add("pool", op::MaxPool{square_window(2, 2, 0)}, {x});
             return convolved(graph, "last", graph.add("after", op::Relu{}, {graph.add("sum", op::Add{}, {s, f})}), 4);
         }});
    cases.push_back(
        {"a pool before both sides", {1, 10, 10, 8}, [](Graph::Builder& graph, TensorId from) {
             auto x = graph.add("relu", op::Relu{}, {convolved(graph, "stem", from, 8)});
             x = graph.add("one", op::Relu{}, {graph.add("sum1", op::Add{}, {x, convolved(graph, "a", x, 8)})});
             x = graph.add("pool", op::MaxPool{square_window(2, 2, 0)}, {x});
             return graph.add("two", op::Relu{}, {graph.add("sum2", op::Add{}, {convolved(graph, "b", x, 8), x})});
         }});
    cases.push_back(
        {"two sums of one tensor", {1, 6, 6, 16}, [](Graph::Builder& graph, TensorId from) {
             auto const x = graph.add("relu", op::Relu{}, {convolved(graph, "stem", from, 16)});
             auto const y = graph.add("sum1", op::Add{}, {convolved(graph, "a", x, 16), x});
             return graph.add("sum2", op::Add{}, {graph.add("sum3", op::Add{}, {convolved(graph, "b", y, 16), x}), y});
         }});
    return cases;
}

TensorId draw_any(Graph::Builder& graph, TensorId from, RandomStream& stream, int operators) {
    auto const below = [&](std::size_t n) {
        return static_cast<std::size_t>(stream.uniform(0, static_cast<double>(n)));
    };
    std::vector<TensorId> open{from};  // what nothing reads yet
    for (int i = 0; i < operators; ++i) {
        auto const name = "op" + std::to_string(i);
        auto const x = open[below(open.size())];
        auto const shape = graph.shape(x);
        Operation const choices[] = {
            conv(1 + static_cast<int>(below(20)), square_window(3, 1, 1)),
            conv(shape.c, square_window(3, 1, 1), shape.c),
            conv(2 * shape.c, square_window(1, 1, 0), 1, false),
            op::Relu{},
            op::BatchNorm{},
            op::MaxPool{square_window(3, 1, 1)},
            op::AveragePool{square_window(3, 1, 1)},
            op::Activation{op::Activation::Kind::hard_swish},
            op::Slice{Axis::c, 0, 1 + static_cast<int>(below(static_cast<std::size_t>(shape.c)))},
            op::Transpose{{Axis::w, Axis::h, Axis::c}},
            op::Pad{op::Pad::Mode::constant, {1, 0, 0, 1}},
            op::Prelu{}};
        auto const y = graph.add(name, choices[below(std::size(choices))], {x});
        // A tensor may be read again.
        if (stream.uniform(0, 1) < 0.6) std::erase(open, x);
        open.push_back(y);
        for (auto const other : open)
            if (other != y && graph.shape(other) == graph.shape(y) && stream.uniform(0, 1) < 0.5) {
                open.push_back(graph.add(name + "sum", op::Add{}, {other, y}));
                std::erase(open, y);
                break;
            }
    }
    // All that is open becomes one.
    TensorId sum;
    for (std::size_t i = 0; i < open.size(); ++i) {
        auto const mean = graph.add("end" + std::to_string(i), op::FullyConnected{6}, {open[i]});
        sum = i == 0 ? mean : graph.add("all" + std::to_string(i), op::Add{}, {sum, mean});
    }
    return sum;
}

}  // namespace skipstone::kernels
