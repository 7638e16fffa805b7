#include "onnx/fold.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string_view>

#include "onnx/limits.hpp"

namespace skipstone::onnx {

namespace {

using Type = Constant::Type;
using Result = std::vector<Constant>;

constexpr auto most_made = limits::grown_elements;

std::size_t made(Node const& node, Shape const& shape, Constants const& inputs) {
    auto const elements = elements_of(shape, node.label());
    std::size_t given = most_made;
    for (auto const& input : inputs)
        if (input) given = std::max(given, input->elements());
    node.require(elements <= given, "makes a constant of " + text_of(shape) +
                                        ", more than 2^22 elements; does it depend on the size of a batch?");
    return elements;
}

// Elements of another tensor: index says which.
Constant picked(Constant const& from, Shape shape, std::vector<std::size_t> const& index) {
    auto const pick = [&](auto const& values) {
        std::remove_cvref_t<decltype(values)> result;
        result.reserve(index.size());
        for (auto const i : index) result.push_back(values[i]);
        return result;
    };
    if (from.is_filled()) return Constant::filled(std::move(shape), from.type(), from.number());
    return from.type() == Type::real ? Constant(std::move(shape), pick(from.reals()))
                                     : Constant(std::move(shape), pick(from.integers()));
}

// Where the elements of a tensor of `shape` are, whose axis i takes sizes[i] steps of strides[i] in another tensor.
std::vector<std::size_t> indices(Shape const& sizes, std::vector<std::int64_t> const& strides, std::int64_t first = 0) {
    std::vector<std::int64_t> found{first};
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        std::vector<std::int64_t> finer;
        finer.reserve(found.size() * static_cast<std::size_t>(sizes[i]));
        for (auto const base : found)
            for (std::int64_t k = 0; k < sizes[i]; ++k) finer.push_back(base + k * strides[i]);
        found = std::move(finer);
    }
    return {found.begin(), found.end()};
}

std::vector<std::int64_t> strides_of(Shape const& shape) {
    std::vector<std::int64_t> strides(shape.size(), 1);
    for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
    return strides;
}

// Indices of a tensor that is repeated along axes of one element.
std::vector<std::size_t> repeated(Shape const& shape, Shape const& to) {
    auto const own = strides_of(shape);
    std::vector<std::int64_t> strides(to.size());
    for (std::size_t i = 0; i < shape.size(); ++i) strides[to.size() - shape.size() + i] = shape[i] == 1 ? 0 : own[i];
    return indices(to, strides);
}

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

Result many(Node const& node, Constants const& inputs) {
    node.require(!inputs.empty(), "has no input");
    auto result = *inputs.front();
    for (std::size_t i = 1; i < inputs.size(); ++i) result = two(node, result, *inputs[i]);
    return {result};
}

Result one(Node const& node, Constants const& inputs) {
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

Result cast(Node const& node, Constants const& inputs) {
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

Result constant(Node const& node, Constants const&) {
    if (auto const* tensor = node.tensor("value")) {
        auto const name = node.has_output(0) ? node.proto().output(0) : node.name();
        return {Constant::of(*tensor, name)};
    }
    if (node.has("value_float")) return {{Shape{}, std::vector{static_cast<float>(node.number("value_float", 0))}}};
    if (node.has("value_int")) return {{Shape{}, std::vector{node.integer("value_int", 0)}}};
    if (auto const values = node.integers("value_ints"))
        return {{Shape{static_cast<std::int64_t>(values->size())}, *values}};
    if (auto const values = node.numbers("value_floats"))
        return {{Shape{static_cast<std::int64_t>(values->size())}, std::vector<float>(values->begin(), values->end())}};
    node.refuse("holds no numbers (text, or a sparse tensor)");
}

Result constant_of_shape(Node const& node, Constants const& inputs) {
    auto const shape = integers_of(node, inputs, "", 0).value_or(Shape{});
    elements_of(shape, node.label());
    auto const* tensor = node.tensor("value");
    if (!tensor) return {Constant::filled(shape, Type::real, 0)};
    auto const value = Constant::of(*tensor, node.name());
    node.require(value.elements() == 1, "its value is not one number");
    return {Constant::filled(shape, value.type(), value.number())};
}

Result shape(Node const& node, Constants const& inputs) {
    auto const& in = *inputs.at(0);
    if (node.type() == "Size") return {{Shape{}, std::vector{static_cast<std::int64_t>(in.elements())}}};
    auto const rank = in.rank();
    auto const within = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
    auto const begin = within(node.integer("start", 0)), end = std::max(within(node.integer("end", rank)), begin);
    std::vector<std::int64_t> sizes(in.shape().begin() + begin, in.shape().begin() + end);
    return {{Shape{end - begin}, std::move(sizes)}};
}

Result reshape(Node const& node, Constants const& inputs) {
    auto const& in = *inputs.at(0);
    auto shape = reshaped_shape(node, inputs, in.shape());
    node.require(elements_of(shape, node.label()) == in.elements(),
                 "makes " + text_of(shape) + " of " + text_of(in.shape()));
    return {in.reshaped(std::move(shape))};
}

Result transpose(Node const& node, Constants const& inputs) {
    auto const& in = *inputs.at(0);
    auto const order = permutation_of(node, in.shape().size());
    auto const own = strides_of(in.shape());
    Shape sizes;
    std::vector<std::int64_t> strides;
    for (auto const axis : order) {
        sizes.push_back(in.shape()[axis]);
        strides.push_back(own[axis]);
    }
    if (in.is_filled()) return {in.reshaped(sizes)};
    if (order == std::vector<std::size_t>{1, 0} && in.type() == Type::real) {  // a large matrix, mostly
        auto const from = in.reals();
        std::vector<float> to(from.size());
        auto const rows = static_cast<std::size_t>(sizes[1]), columns = static_cast<std::size_t>(sizes[0]);
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
        return {{sizes, std::move(to)}};
    }
    return {picked(in, sizes, indices(sizes, strides))};
}

Constant cut(Node const& node, Constant const& in, std::vector<Cut> const& cuts) {
    auto sizes = in.shape();
    auto strides = strides_of(sizes);
    std::int64_t first = 0;
    for (auto const& c : cuts) {
        if (c.count == 0)
            return Constant::filled(
                [&] {
                    sizes[c.axis] = 0;
                    return sizes;
                }(),
                in.type(), 0);
        first += c.begin * strides[c.axis];
        sizes[c.axis] = c.count;
        strides[c.axis] *= c.step;
    }
    made(node, sizes, {std::make_shared<Constant const>(in)});
    return picked(in, sizes, indices(sizes, strides, first));
}

Result slice(Node const& node, Constants const& inputs) {
    return {cut(node, *inputs.at(0), cuts_of(node, inputs, inputs.at(0)->shape()))};
}

Result split(Node const& node, Constants const& inputs) {
    Result parts;
    for (auto const& part : parts_of(node, inputs, inputs.at(0)->shape()))
        parts.push_back(cut(node, *inputs.at(0), {part}));
    return parts;
}

Result gather(Node const& node, Constants const& inputs) {
    auto const &in = *inputs.at(0), &which = *inputs.at(1);
    auto const axis = axis_of(node, node.integer("axis", 0), in.shape().size());
    auto const size = in.shape()[axis];
    Shape shape(in.shape().begin(), in.shape().begin() + static_cast<std::ptrdiff_t>(axis));
    auto const before = elements_of(shape, node.label());
    shape.insert(shape.end(), which.shape().begin(), which.shape().end());
    shape.insert(shape.end(), in.shape().begin() + static_cast<std::ptrdiff_t>(axis) + 1, in.shape().end());
    auto const count = made(node, shape, inputs);
    auto const stride = strides_of(in.shape())[axis];
    std::vector<std::size_t> index;
    index.reserve(count);
    auto const chosen = which.integers();
    if (count > 0)
        for (std::size_t b = 0; b < before; ++b)
            for (auto at : chosen) {
                node.require(at >= -size && at < size,
                             "takes element " + std::to_string(at) + " of an axis of " + std::to_string(size));
                if (at < 0) at += size;
                for (std::int64_t i = 0; i < stride; ++i)
                    index.push_back(static_cast<std::size_t>((static_cast<std::int64_t>(b) * size + at) * stride + i));
            }
    return {picked(in, std::move(shape), index)};
}

Result concat(Node const& node, Constants const& inputs) {
    node.require(!inputs.empty() && inputs.front()->rank() > 0, "has no input, or scalars");
    auto const axis = axis_of(node, node.integer("axis", 0), inputs.front()->shape().size());
    Shape shape = inputs.front()->shape();
    bool is_real = false;
    std::size_t given = 0;
    shape[axis] = 0;
    for (auto const& input : inputs) {
        auto other = input->shape();
        node.require(other.size() == shape.size(), "its inputs have not as many axes");
        auto const here = other[axis];
        other[axis] = shape[axis];
        node.require(other == shape, "its inputs differ in more than one axis");
        shape[axis] += here;
        is_real = is_real || input->type() == Type::real;
        given += input->elements();
    }
    node.require(given == elements_of(shape, node.label()), "its inputs do not fit");
    std::int64_t rows = 1;
    for (std::size_t i = 0; i < axis; ++i) rows *= shape[i];
    auto const put = [&](auto values_of) {
        decltype(values_of(*inputs.front())) values;
        values.reserve(given);
        std::vector<decltype(values)> all;
        for (auto const& input : inputs) all.push_back(values_of(*input));
        for (std::int64_t row = 0; row < rows; ++row)
            for (auto const& part : all) {
                auto const each = static_cast<std::ptrdiff_t>(part.size()) / rows;
                values.insert(values.end(), part.begin() + row * each, part.begin() + (row + 1) * each);
            }
        return values;
    };
    if (given == 0) return {Constant::filled(shape, is_real ? Type::real : Type::integer, 0)};
    if (is_real) return {{shape, put([](Constant const& c) { return c.reals(); })}};
    return {{shape, put([](Constant const& c) { return c.integers(); })}};
}

Result expand(Node const& node, Constants const& inputs) {
    auto const& in = *inputs.at(0);
    auto const to = broadcast(node, in.shape(), integers_of(node, inputs, "", 1).value_or(Shape{}));
    made(node, to, {inputs.at(0)});
    return {picked(in, to, repeated(in.shape(), to))};
}

Result tile(Node const& node, Constants const& inputs) {
    auto const& in = *inputs.at(0);
    auto const times = integers_of(node, inputs, "", 1).value_or(Shape{});
    node.require(times.size() == in.shape().size(), "has not a count for each axis");
    Shape sizes, to;
    std::vector<std::int64_t> strides;
    auto const own = strides_of(in.shape());
    for (std::size_t i = 0; i < times.size(); ++i) {
        node.require(times[i] >= 0 && times[i] <= (std::int64_t{1} << 31), "repeats an axis too often");
        sizes.push_back(times[i]);
        sizes.push_back(in.shape()[i]);
        to.push_back(times[i] * in.shape()[i]);
        strides.push_back(0);
        strides.push_back(own[i]);
    }
    made(node, to, {inputs.at(0)});
    return {picked(in, to, indices(sizes, strides))};
}

Result range(Node const& node, Constants const& inputs) {
    for (std::size_t i = 0; i < 3; ++i)
        node.require(inputs.size() > i && inputs[i]->elements() == 1, "needs three numbers");
    auto const first = inputs[0]->number(), last = inputs[1]->number(), step = inputs[2]->number();
    auto const count = step == 0 ? -1 : std::ceil((last - first) / step);
    node.require(std::isfinite(count) && count <= static_cast<double>(most_made) && step != 0,
                 "makes more than 2^22 numbers; does it depend on the size of a batch?");
    auto const size = static_cast<std::size_t>(std::max(count, 0.0));
    std::vector<float> reals;
    std::vector<std::int64_t> integers;
    for (std::size_t i = 0; i < size; ++i) {
        auto const value = first + static_cast<double>(i) * step;
        reals.push_back(static_cast<float>(value));
        integers.push_back(static_cast<std::int64_t>(std::clamp(value, -9e18, 9e18)));
    }
    Shape const shape{static_cast<std::int64_t>(size)};
    if (inputs[0]->type() == Type::integer) return {{shape, std::move(integers)}};
    return {{shape, std::move(reals)}};
}

Result where(Node const& node, Constants const& inputs) {
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

Result reduce(Node const& node, Constants const& inputs) {
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

Result same(Node const&, Constants const& inputs) {
    return {*inputs.at(0)};
}

}  // namespace

std::optional<std::vector<Constant>> folded(Node const& node, Constants const& inputs) {
    static std::map<std::string_view, Result (*)(Node const&, Constants const&)> const types{
        {"Constant", constant},
        {"ConstantOfShape", constant_of_shape},
        {"Shape", shape},
        {"Size", shape},
        {"Identity", same},
        {"Dropout", same},
        {"Cast", cast},
        {"Reshape", reshape},
        {"Flatten", reshape},
        {"Squeeze", reshape},
        {"Unsqueeze", reshape},
        {"Transpose", transpose},
        {"Concat", concat},
        {"Slice", slice},
        {"Split", split},
        {"Gather", gather},
        {"Expand", expand},
        {"Tile", tile},
        {"Range", range},
        {"Where", where},
        {"ReduceProd", reduce},
        {"ReduceSum", reduce},
        {"ReduceMax", reduce},
        {"ReduceMin", reduce},
        {"ReduceMean", reduce},
        {"Add", many},
        {"Sub", many},
        {"Mul", many},
        {"Div", many},
        {"Mod", many},
        {"Pow", many},
        {"Max", many},
        {"Min", many},
        {"Sum", many},
        {"And", many},
        {"Or", many},
        {"Equal", many},
        {"Less", many},
        {"LessOrEqual", many},
        {"Greater", many},
        {"GreaterOrEqual", many},
        {"Neg", one},
        {"Abs", one},
        {"Sqrt", one},
        {"Exp", one},
        {"Log", one},
        {"Floor", one},
        {"Ceil", one},
        {"Round", one},
        {"Reciprocal", one},
        {"Not", one},
        {"Relu", one}};
    auto const found = types.find(node.type());
    if (found == types.end()) return std::nullopt;
    bool const needs_input = node.type() != "Constant";
    for (std::size_t i = 0; i < inputs.size(); ++i)
        if (!inputs[i] && node.has_input(static_cast<int>(i))) return std::nullopt;
    node.require(!needs_input || (!inputs.empty() && inputs.front()), "has no input");
    return found->second(node, inputs);
}

}  // namespace skipstone::onnx
