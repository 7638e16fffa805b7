#include "onnx/fold.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string_view>

#include "onnx/fold_numbers.hpp"
#include "onnx/limits.hpp"
#include "onnx/picked.hpp"

namespace skipstone::onnx {

namespace {

using Type = Constant::Type;
using Result = Folded;

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
    node.require(std::isfinite(count) && count <= static_cast<double>(limits::grown_elements) && step != 0,
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

Result same(Node const&, Constants const& inputs) {
    return {*inputs.at(0)};
}

}  // namespace

std::optional<std::vector<Constant>> folded(Node const& node, Constants const& inputs) {
    struct Rule {
        Result (*fold)(Node const& node, Constants const& inputs);
        std::size_t least;  // inputs that it has in any case
    };
    static std::map<std::string_view, Rule> const types{{"Constant", {constant, 0}},
                                                        {"DequantizeLinear", {fold_dequantized, 2}},
                                                        {"ConstantOfShape", {constant_of_shape, 1}},
                                                        {"Shape", {shape, 1}},
                                                        {"Size", {shape, 1}},
                                                        {"Identity", {same, 1}},
                                                        {"Dropout", {same, 1}},
                                                        {"Cast", {fold_cast, 1}},
                                                        {"Reshape", {reshape, 1}},
                                                        {"Flatten", {reshape, 1}},
                                                        {"Squeeze", {reshape, 1}},
                                                        {"Unsqueeze", {reshape, 1}},
                                                        {"Transpose", {transpose, 1}},
                                                        {"Concat", {concat, 1}},
                                                        {"Slice", {slice, 1}},
                                                        {"Split", {split, 1}},
                                                        {"Gather", {gather, 2}},
                                                        {"Expand", {expand, 2}},
                                                        {"Tile", {tile, 2}},
                                                        {"Range", {range, 3}},
                                                        {"Where", {fold_where, 3}},
                                                        {"ReduceProd", {fold_reduction, 1}},
                                                        {"ReduceSum", {fold_reduction, 1}},
                                                        {"ReduceMax", {fold_reduction, 1}},
                                                        {"ReduceMin", {fold_reduction, 1}},
                                                        {"ReduceMean", {fold_reduction, 1}},
                                                        {"Add", {fold_many, 2}},
                                                        {"Sub", {fold_many, 2}},
                                                        {"Mul", {fold_many, 2}},
                                                        {"Div", {fold_many, 2}},
                                                        {"Mod", {fold_many, 2}},
                                                        {"Pow", {fold_many, 2}},
                                                        {"Max", {fold_many, 1}},
                                                        {"Min", {fold_many, 1}},
                                                        {"Sum", {fold_many, 1}},
                                                        {"And", {fold_many, 2}},
                                                        {"Or", {fold_many, 2}},
                                                        {"Equal", {fold_many, 2}},
                                                        {"Less", {fold_many, 2}},
                                                        {"LessOrEqual", {fold_many, 2}},
                                                        {"Greater", {fold_many, 2}},
                                                        {"GreaterOrEqual", {fold_many, 2}},
                                                        {"Neg", {fold_one, 1}},
                                                        {"Abs", {fold_one, 1}},
                                                        {"Sqrt", {fold_one, 1}},
                                                        {"Exp", {fold_one, 1}},
                                                        {"Log", {fold_one, 1}},
                                                        {"Floor", {fold_one, 1}},
                                                        {"Ceil", {fold_one, 1}},
                                                        {"Round", {fold_one, 1}},
                                                        {"Reciprocal", {fold_one, 1}},
                                                        {"Not", {fold_one, 1}},
                                                        {"Relu", {fold_one, 1}}};
    auto const found = types.find(node.type());
    if (found == types.end()) return std::nullopt;
    for (std::size_t i = 0; i < inputs.size(); ++i)
        if (!inputs[i] && node.has_input(static_cast<int>(i))) return std::nullopt;
    auto const [fold, least] = found->second;
    bool const needs_all = fold == fold_many || fold == concat;
    node.require(inputs.size() >= least, "has not its " + std::to_string(least) + " inputs");
    for (std::size_t i = 0; i < inputs.size(); ++i)
        node.require(inputs[i] || (i >= least && !needs_all), "has no input " + std::to_string(i + 1));
    return fold(node, inputs);
}

}  // namespace skipstone::onnx
