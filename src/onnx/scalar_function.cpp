#include "onnx/scalar_function.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace skipstone::onnx {

namespace {

using Points = std::array<double, ScalarFunction::points>;
using Kind = op::Activation::Kind;

// Far ends, the bends of the usual functions, and what lies between.
Points const& arguments() {
    static constexpr Points values{-1e30, -1000, -200, -90,  -40, -20,  -12,  -9,    -7,  -6.5, -6,  -5,  -4,   -3.5,
                                   -3,    -2.5,  -2,   -1.5, -1,  -0.7, -0.3, -0.01, 0,   0.02, 0.4, 0.6, 0.9,  1.2,
                                   1.6,   2,     2.4,  2.9,  3,   3.6,  4.5,  6,     6.2, 8,    13,  70,  1000, 1e30};
    return values;
}

double sigmoid(double x) {
    return 1 / (1 + std::exp(-x));
}

bool is_close(double a, double b, double argument) {
    if (std::isnan(a) || std::isnan(b)) return false;
    if (a == b) return true;
    // Constants are single precision, and large arguments magnify what they lack.
    return std::abs(a - b) <= 1e-6 * std::max({1e-2, std::abs(a), std::abs(b), std::min(1.0, std::abs(argument))});
}

bool equals(Points const& values, std::function<double(double)> const& function) {
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!is_close(values[i], function(arguments()[i]), arguments()[i])) return false;
    return true;
}

Operation activation(Kind kind, double alpha = 0, double beta = 0) {
    return op::Activation{kind, alpha, beta};
}

}  // namespace

ScalarFunction ScalarFunction::identity(TensorId tensor) {
    return {tensor, arguments()};
}

ScalarFunction ScalarFunction::then(std::function<double(double)> const& function) const {
    auto result = *this;
    for (auto& value : result.values) value = function(value);
    return result;
}

std::function<double(double)> function_of(Operation const& operation) {
    if (std::holds_alternative<op::Relu>(operation)) return [](double x) { return std::max(x, 0.0); };
    auto const* found = std::get_if<op::Activation>(&operation);
    if (!found) return {};
    double const a = found->alpha, b = found->beta;
    switch (found->kind) {
        case Kind::clip:
            return [a, b](double x) { return std::min(std::max(x, a), b); };
        case Kind::leaky_relu:
            return [a](double x) { return x < 0 ? a * x : x; };
        case Kind::elu:
            return [a](double x) { return x < 0 ? a * std::expm1(x) : x; };
        case Kind::sigmoid:
            return sigmoid;
        case Kind::tanh:
            return [](double x) { return std::tanh(x); };
        case Kind::hard_sigmoid:
            return [a, b](double x) { return std::min(std::max(a * x + b, 0.0), 1.0); };
        case Kind::hard_swish:
            return [](double x) { return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0); };
        case Kind::silu:
            return [](double x) { return x * sigmoid(x); };
        case Kind::gelu:
            return [](double x) { return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))); };
        case Kind::gelu_tanh:
            return [](double x) { return x * 0.5 * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); };
        case Kind::square_root:
            return [](double x) { return std::sqrt(x); };
        case Kind::logarithm:
            return [](double x) { return std::log(x); };
        case Kind::absolute:
            return [](double x) { return std::abs(x); };
        case Kind::exponential:
            return [](double x) { return std::exp(x); };
    }
    return {};
}

std::function<double(double, double)> function_of_two(Operation const& operation) {
    if (std::holds_alternative<op::Add>(operation)) return [](double x, double y) { return x + y; };
    auto const* found = std::get_if<op::Arithmetic>(&operation);
    if (!found) return {};
    using enum op::Arithmetic::Kind;
    switch (found->kind) {
        case add:
            return [](double x, double y) { return x + y; };
        case subtract:
            return [](double x, double y) { return x - y; };
        case multiply:
            return [](double x, double y) { return x * y; };
        case divide:
            return [](double x, double y) { return x / y; };
        case maximum:
            return [](double x, double y) { return std::max(x, y); };
        case minimum:
            return [](double x, double y) { return std::min(x, y); };
    }
    return {};
}

std::optional<Recognised> recognised(ScalarFunction const& function) {
    auto const& values = function.values;
    if (equals(values, [](double x) { return x; })) return Recognised{};
    if (equals(values, function_of(op::Relu{}))) return Recognised{op::Relu{}};
    double const low = values.front(), high = values.back(), largest = std::numeric_limits<float>::max();
    std::vector<Operation> candidates;
    if (low < high) {
        auto const clip = activation(Kind::clip, low <= -0.99e30 ? -largest : low, high >= 0.99e30 ? largest : high);
        candidates.push_back(clip);
    }
    // Their slopes below zero, where it is told at −1.
    static auto const one = static_cast<std::size_t>(std::ranges::find(arguments(), -1.0) - arguments().begin());
    candidates.push_back(activation(Kind::leaky_relu, -values[one]));
    for (auto const kind : {Kind::sigmoid, Kind::hard_swish, Kind::silu, Kind::gelu, Kind::gelu_tanh, Kind::absolute})
        candidates.push_back(activation(kind));
    candidates.push_back(activation(Kind::hard_sigmoid, 1.0 / 6, 0.5));
    candidates.push_back(activation(Kind::hard_sigmoid, 0.2, 0.5));
    for (auto const& candidate : candidates)
        if (equals(values, function_of(candidate))) return Recognised{candidate};
    return std::nullopt;
}

}  // namespace skipstone::onnx
