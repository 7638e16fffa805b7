#include "onnx/picked.hpp"

#include <algorithm>
#include <type_traits>

#include "onnx/limits.hpp"

namespace skipstone::onnx {

std::size_t made(Node const& node, Shape const& shape, Constants const& inputs) {
    auto const elements = elements_of(shape, node.label());
    std::size_t given = limits::grown_elements;
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
    return from.type() == Constant::Type::real ? Constant(std::move(shape), pick(from.reals()))
                                               : Constant(std::move(shape), pick(from.integers()));
}

// Where the elements of a tensor of `shape` are, whose axis i takes sizes[i] steps of strides[i] in another tensor.
std::vector<std::size_t> indices(Shape const& sizes, std::vector<std::int64_t> const& strides, std::int64_t first) {
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

}  // namespace skipstone::onnx
