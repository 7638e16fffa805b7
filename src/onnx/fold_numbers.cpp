#include "onnx/fold_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string_view>

#include "onnx/picked.hpp"

namespace skipstone::onnx {

namespace {

using Type = Constant::Type;

std::optional<std::int64_t> exact(std::string_view type, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    if (type == "Add") return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    if (type == "Sub") return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    if (type == "Mul") return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    bool const divides = b != 0 && !(b == -1 && a == std::numeric_limits<std::int64_t>::min());
    if (type == "Div") return divides ? std::optional(a / b) : std::nullopt;
    if (type == "Mod") return divides ? std::optional((a % b + b) % b) : std::nullopt;
    if (type == "Max") return std::max(a, b);
    if (type == "Min") return std::min(a, b);
    if (type == "And") return a != 0 && b != 0;
    if (type == "Or") return a != 0 || b != 0;
    if (type == "Pow") {
        result = 1;
        if (b < 0 || b > 64) return std::nullopt;
        for (std::int64_t i = 0; i < b; ++i)
            if (__builtin_mul_overflow(result, a, &result)) return std::nullopt;
        return result;
    }
    return std::nullopt;
}

std::function<float(float, float)> real_function(std::string_view type) {
    if (type == "Add") return [](float a, float b) { return a + b; };
    if (type == "Sub") return [](float a, float b) { return a - b; };
    if (type == "Mul") return [](float a, float b) { return a * b; };
    if (type == "Div") return [](float a, float b) { return a / b; };
    if (type == "Max") return [](float a, float b) { return std::max(a, b); };
    if (type == "Min") return [](float a, float b) { return std::min(a, b); };
    if (type == "Pow") return [](float a, float b) { return std::pow(a, b); };
    return {};
}

std::function<bool(double, double)> comparison(std::string_view type) {
    if (type == "Equal") return [](double a, double b) { return a == b; };
    if (type == "Less") return [](double a, double b) { return a < b; };
    if (type == "LessOrEqual") return [](double a, double b) { return a <= b; };
    if (type == "Greater") return [](double a, double b) { return a > b; };
    if (type == "GreaterOrEqual") return [](double a, double b) { return a >= b; };
    return {};
}

Constant two(Node const& node, Constant const& a, Constant const& b) {
    auto const shape = broadcast(node, a.shape(), b.shape());
    auto const count = made(node, shape, {std::make_shared<Constant const>(a), std::make_shared<Constant const>(b)});
    auto const x = repeated(a.shape(), shape), y = repeated(b.shape(), shape);
    bool const integers = a.type() == Type::integer && b.type() == Type::integer;
    auto const compare = comparison(node.type());
    if (integers || compare) {
        std::vector<std::int64_t> values(count);
        if (compare && !integers) {
            auto const u = a.reals(), v = b.reals();
            for (std::size_t i = 0; i < count; ++i) values[i] = compare(double{u[x[i]]}, double{v[y[i]]});
        } else {
            auto const u = a.integers(), v = b.integers();
            for (std::size_t i = 0; i < count; ++i) {
                auto const value = compare ? std::optional<std::int64_t>(
                                                 compare(static_cast<double>(u[x[i]]), static_cast<double>(v[y[i]])))
                                           : exact(node.type(), u[x[i]], v[y[i]]);
                node.require(value.has_value(), "its result is no integer of 64 bits");
                values[i] = *value;
            }
        }
        return {shape, std::move(values)};
    }
    auto const function = real_function(node.type());
    node.require(bool(function), "is not computed for real constants");
    auto const u = a.reals(), v = b.reals();
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = function(u[x[i]], v[y[i]]);
    return {shape, std::move(values)};
}

}  // namespace

Folded fold_many(Node const& node, Constants const& inputs) {
    node.require(!inputs.empty(), "has no input");
    auto result = *inputs.front();
    for (std::size_t i = 1; i < inputs.size(); ++i) result = two(node, result, *inputs[i]);
    return {result};
}

Folded fold_one(Node const& node, Constants const& inputs) {
    static std::map<std::string_view, float (*)(float)> const functions{
        {"Sqrt", [](float x) { return std::sqrt(x); }},
        {"Exp", [](float x) { return std::exp(x); }},
        {"Log", [](float x) { return std::log(x); }},
        {"Floor", [](float x) { return std::floor(x); }},
        {"Ceil", [](float x) { return std::ceil(x); }},
        {"Reciprocal", [](float x) { return 1 / x; }},
        {"Neg", [](float x) { return -x; }},
        {"Abs", [](float x) { return std::abs(x); }},
        {"Round", [](float x) { return std::nearbyint(x); }},
        {"Relu", [](float x) { return std::max(x, 0.0F); }}};
    auto const& in = *inputs.at(0);
    if (in.type() == Type::integer) {
        auto values = in.integers();
        for (auto& value : values) {
            node.require(value != std::numeric_limits<std::int64_t>::min(), "its result is no integer of 64 bits");
            if (node.type() == "Neg")
                value = -value;
            else if (node.type() == "Abs")
                value = std::abs(value);
            else if (node.type() == "Not")
                value = value == 0;
            else if (node.type() == "Relu")
                value = std::max<std::int64_t>(value, 0);
            else
                node.refuse("is not computed for integers");
        }
        return {{in.shape(), std::move(values)}};
    }
    auto const function = functions.find(node.type());
    node.require(function != functions.end(), "is not computed for real constants");
    auto values = in.reals();
    for (auto& value : values) value = function->second(value);
    return {{in.shape(), std::move(values)}};
}

Folded fold_cast(Node const& node, Constants const& inputs) {
    using ::onnx::TensorProto;
    auto const to = node.integer("to", TensorProto::FLOAT);
    auto const& in = *inputs.at(0);
    bool const is_real = to == TensorProto::FLOAT || to == TensorProto::DOUBLE || to == TensorProto::FLOAT16 ||
                         to == TensorProto::BFLOAT16;
    node.require(is_real || (to >= TensorProto::UINT8 && to <= TensorProto::BOOL && to != TensorProto::STRING) ||
                     to == TensorProto::UINT32 || to == TensorProto::UINT64,
                 "makes numbers of a type that is not computed with");
    if (is_real == (in.type() == Type::real) && to != TensorProto::BOOL) return {in};
    if (is_real) return {{in.shape(), in.reals()}};
    if (to != TensorProto::BOOL) return {{in.shape(), in.integers()}};
    std::vector<std::int64_t> values;
    for (float const value : in.reals()) values.push_back(value != 0);
    return {{in.shape(), std::move(values)}};
}

Folded fold_where(Node const& node, Constants const& inputs) {
    auto const &which = *inputs.at(0), &a = *inputs.at(1), &b = *inputs.at(2);
    auto const shape = broadcast(node, which.shape(), broadcast(node, a.shape(), b.shape()));
    auto const count = made(node, shape, inputs);
    auto const w = repeated(which.shape(), shape), x = repeated(a.shape(), shape), y = repeated(b.shape(), shape);
    auto const chosen = which.integers();
    auto const choose = [&](auto const& u, auto const& v) {
        std::remove_cvref_t<decltype(u)> values(count);
        for (std::size_t i = 0; i < count; ++i) values[i] = chosen[w[i]] != 0 ? u[x[i]] : v[y[i]];
        return values;
    };
    if (a.type() == Type::integer && b.type() == Type::integer) return {{shape, choose(a.integers(), b.integers())}};
    return {{shape, choose(a.reals(), b.reals())}};
}

Folded fold_reduction(Node const& node, Constants const& inputs) {
    auto const& in = *inputs.at(0);
    auto const how = reduction_of(node, inputs, in.shape());
    // Axes that stay come first, so that each result is of neighbours.
    Shape sizes, inner;
    std::vector<std::int64_t> strides, inner_strides;
    auto const own = strides_of(in.shape());
    for (std::size_t i = 0; i < in.shape().size(); ++i) {
        bool const goes = std::ranges::find(how.axes, i) != how.axes.end();
        (goes ? inner : sizes).push_back(in.shape()[i]);
        (goes ? inner_strides : strides).push_back(own[i]);
    }
    auto const outer_index = indices(sizes, strides), inner_index = indices(inner, inner_strides);
    node.require(!inner_index.empty(), "reduces an empty tensor");
    auto const run = [&](auto const& values) {
        std::remove_cvref_t<decltype(values)> result;
        for (auto const outer : outer_index) {
            auto all = values[outer + inner_index.front()];
            for (std::size_t i = 1; i < inner_index.size(); ++i) {
                auto const value = values[outer + inner_index[i]];
                auto const& type = node.type();
                if constexpr (std::is_same_v<decltype(all), std::int64_t>) {
                    auto const both = exact(type == "ReduceProd"  ? "Mul"
                                            : type == "ReduceMax" ? "Max"
                                            : type == "ReduceMin" ? "Min"
                                                                  : "Add",
                                            all, value);
                    node.require(both.has_value(), "its result is no integer of 64 bits");
                    all = *both;
                } else {
                    all = type == "ReduceProd"  ? all * value
                          : type == "ReduceMax" ? std::max(all, value)
                          : type == "ReduceMin" ? std::min(all, value)
                                                : all + value;
                }
            }
            if (node.type() == "ReduceMean") all /= static_cast<decltype(all)>(inner_index.size());
            result.push_back(all);
        }
        return result;
    };
    if (in.type() == Type::integer) return {{how.shape, run(in.integers())}};
    return {{how.shape, run(in.reals())}};
}

// Weights that were stored as small integers.
Folded fold_dequantized(Node const& node, Constants const& inputs) {
    auto const &in = *inputs.at(0), &scale = *inputs.at(1);
    bool const has_zero = inputs.size() > 2 && inputs[2];
    node.require(node.integer("block_size", 0) == 0, "has scales for blocks of an axis, which are not read");
    Shape along = scale.shape();
    if (scale.rank() == 1 && in.rank() > 0) {
        auto const axis = axis_of(node, node.integer("axis", 1), in.shape().size());
        along.assign(in.shape().size(), 1);
        along[axis] = scale.shape()[0];
    }
    node.require(
        broadcast(node, in.shape(), along) == in.shape() && (!has_zero || inputs[2]->elements() == scale.elements()),
        "its scales do not fit its tensor");
    auto const at = repeated(along, in.shape());
    auto values = in.reals();
    auto const factors = scale.reals(), zeros = has_zero ? inputs[2]->reals() : std::vector<float>(factors.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = (values[i] - zeros[at[i]]) * factors[at[i]];
    return {{in.shape(), std::move(values)}};
}

}  // namespace skipstone::onnx
