#include "onnx/parameters.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace skipstone::onnx {

namespace {

std::int64_t total(Node const& node, Shape const& shape) {
    std::int64_t all = 1;
    for (auto const size : shape) {
        node.require(size >= 0 && (size == 0 || all <= std::numeric_limits<std::int64_t>::max() / size),
                     "its tensor " + text_of(shape) + " is too large");
        all *= size;
    }
    return all;
}

Shape flattened(Node const& node, Shape const& shape) {
    auto const rank = static_cast<std::int64_t>(shape.size());
    auto axis = node.integer("axis", 1);
    if (axis < 0) axis += rank;
    node.require(axis >= 0 && axis <= rank, "its axis is not one of " + text_of(shape));
    return {total(node, {shape.begin(), shape.begin() + axis}), total(node, {shape.begin() + axis, shape.end()})};
}

Shape squeezed(Node const& node, Constants const& constants, Shape const& shape) {
    auto const given = integers_of(node, constants, "axes", 1);
    std::vector<bool> goes(shape.size());
    if (given)
        for (auto const axis : axes_of(node, *given, shape.size())) {
            node.require(shape[axis] == 1, "its axis " + std::to_string(axis) + " has not one element");
            goes[axis] = true;
        }
    else
        for (std::size_t i = 0; i < shape.size(); ++i) goes[i] = shape[i] == 1;
    Shape result;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (!goes[i]) result.push_back(shape[i]);
    return result;
}

Shape unsqueezed(Node const& node, Constants const& constants, Shape const& shape) {
    auto const given = integers_of(node, constants, "axes", 1);
    node.require(given && given->size() <= 16, "has no axes, or more than 16");
    auto const rank = shape.size() + given->size();
    Shape result(rank, -1);
    for (auto const axis : axes_of(node, *given, rank)) {
        node.require(result[axis] == -1, "names an axis twice");
        result[axis] = 1;
    }
    auto next = shape.begin();
    for (auto& size : result)
        if (size == -1) size = *next++;
    return result;
}

// Count of begin, begin + step, … before end.
std::int64_t count_of(std::int64_t begin, std::int64_t end, std::int64_t step) {
    if (step > 0) return end > begin ? (end - begin - 1) / step + 1 : 0;
    return begin > end ? (begin - end - 1) / -step + 1 : 0;
}

}  // namespace

std::optional<std::vector<std::int64_t>> integers_of(Node const& node, Constants const& constants,
                                                     char const* attribute, int input) {
    if (node.has(attribute)) return node.integers(attribute);
    if (!node.has_input(input)) return std::nullopt;
    auto const& constant = constants[static_cast<std::size_t>(input)];
    node.require(constant != nullptr, "its input " + node.input(input) +
                                          " depends on the network's input, and must be constant; export the model "
                                          "with fixed sizes, or simplify it (onnxsim)");
    node.require(constant->type() == Constant::Type::integer || constant->elements() == 0,
                 "its input " + node.input(input) + " holds no integers");
    node.require(constant->elements() <= 65536, "its input " + node.input(input) + " is too long");
    return constant->integers();
}

std::int64_t integer_of(Node const& node, Constants const& constants, char const* attribute, int input,
                        std::int64_t otherwise) {
    if (node.has(attribute)) return node.integer(attribute, otherwise);
    auto const found = integers_of(node, constants, attribute, input);
    if (!found) return otherwise;
    node.require(found->size() == 1, "its input " + node.input(input) + " is not one number");
    return found->front();
}

std::size_t axis_of(Node const& node, std::int64_t axis, std::size_t rank) {
    auto const size = static_cast<std::int64_t>(rank);
    node.require(axis >= -size && axis < size,
                 "its axis " + std::to_string(axis) + " is not one of the " + std::to_string(rank) + " of its tensor");
    return static_cast<std::size_t>(axis < 0 ? axis + size : axis);
}

std::vector<std::size_t> axes_of(Node const& node, std::vector<std::int64_t> const& axes, std::size_t rank) {
    std::vector<std::size_t> found;
    for (auto const axis : axes) found.push_back(axis_of(node, axis, rank));
    return found;
}

Shape reshaped_shape(Node const& node, Constants const& constants, Shape const& shape) {
    if (node.type() == "Flatten") return flattened(node, shape);
    if (node.type() == "Squeeze") return squeezed(node, constants, shape);
    if (node.type() == "Unsqueeze") return unsqueezed(node, constants, shape);
    auto target = integers_of(node, constants, "shape", 1);
    node.require(target.has_value() && target->size() <= 32, "has no shape, or one of more than 32 axes");
    bool const zero_counts = node.integer("allowzero", 0) != 0;
    std::optional<std::size_t> open;
    for (std::size_t i = 0; i < target->size(); ++i) {
        auto& size = (*target)[i];
        if (size == 0 && !zero_counts) {
            node.require(i < shape.size(), "copies an axis that its tensor " + text_of(shape) + " does not have");
            size = shape[i];
        } else if (size == -1) {
            node.require(!open, "leaves two axes open");
            open = i;
            size = 1;
        }
        node.require(size >= 0, "gives an axis of " + std::to_string(size) + " elements");
    }
    auto const rest = total(node, *target), all = total(node, shape);
    if (open) {
        node.require(rest > 0 && all % rest == 0, "cannot make " + text_of(*target) + " of " + text_of(shape) +
                                                      " (the axis that is open is 1 here)");
        (*target)[*open] = all / rest;
    }
    return *target;
}

std::vector<std::size_t> permutation_of(Node const& node, std::size_t rank) {
    std::vector<std::size_t> order(rank);
    std::iota(order.rbegin(), order.rend(), std::size_t{0});
    if (auto const given = node.integers("perm")) order = axes_of(node, *given, rank);
    auto sorted = order;
    std::ranges::sort(sorted);
    bool fits = sorted.size() == rank;
    for (std::size_t i = 0; i < sorted.size(); ++i) fits = fits && sorted[i] == i;
    node.require(fits, "its perm is no order of the axes of its tensor");
    return order;
}

std::vector<Cut> cuts_of(Node const& node, Constants const& constants, Shape const& shape) {
    auto const begins = integers_of(node, constants, "starts", 1), ends = integers_of(node, constants, "ends", 2);
    auto const axes = integers_of(node, constants, "axes", 3), steps = integers_of(node, constants, "steps", 4);
    node.require(begins && ends && begins->size() == ends->size() && (!axes || axes->size() == begins->size()) &&
                     (!steps || steps->size() == begins->size()),
                 "its starts, ends, axes and steps are not of one length");
    std::vector<Cut> cuts;
    for (std::size_t i = 0; i < begins->size(); ++i) {
        auto const axis = axis_of(node, axes ? (*axes)[i] : static_cast<std::int64_t>(i), shape.size());
        auto const size = shape[axis], step = steps ? (*steps)[i] : 1;
        node.require(step != 0 && step != std::numeric_limits<std::int64_t>::min(), "has a step of 0");
        auto const within = [&](std::int64_t at, std::int64_t low, std::int64_t high) {
            if (at < 0) at = at < -size ? low : at + size;
            return std::clamp(at, low, high);
        };
        auto const begin = step > 0 ? within((*begins)[i], 0, size) : within((*begins)[i], 0, size - 1);
        auto const end = step > 0 ? within((*ends)[i], 0, size) : within((*ends)[i], -1, size - 1);
        Cut const cut{axis, begin, step, count_of(begin, end, step)};
        if (cut.begin != 0 || cut.step != 1 || cut.count != size) cuts.push_back(cut);
    }
    return cuts;
}

std::vector<Cut> parts_of(Node const& node, Constants const& constants, Shape const& shape) {
    auto const axis = axis_of(node, node.integer("axis", 0), shape.size());
    auto const size = shape[axis], count = std::int64_t{node.outputs()};
    auto sizes = integers_of(node, constants, "split", 1);
    auto const told = node.integer("num_outputs", count);
    node.require(count >= 1 && told == count, "has not as many outputs as num_outputs says");
    if (!sizes) {
        auto const each = (size + count - 1) / count;
        node.require(size % count == 0 || node.has("num_outputs"), "its outputs are not of one size");
        sizes.emplace(static_cast<std::size_t>(count), each);
        sizes->back() = size - each * (count - 1);
    }
    node.require(static_cast<std::int64_t>(sizes->size()) == count, "has not as many sizes as outputs");
    std::vector<Cut> parts;
    std::int64_t begin = 0;
    for (auto const part : *sizes) {
        node.require(part >= 1 && part <= size - begin,
                     "its sizes are not those of an axis of " + std::to_string(size));
        parts.push_back({axis, begin, 1, part});
        begin += part;
    }
    node.require(begin == size, "its sizes do not sum up to " + std::to_string(size));
    return parts;
}

Reduction reduction_of(Node const& node, Constants const& constants, Shape const& shape) {
    Reduction reduction;
    auto const given = integers_of(node, constants, "axes", 1);
    bool const none_is_none = node.integer("noop_with_empty_axes", 0) != 0;
    reduction.keeps_axes = node.integer("keepdims", 1) != 0;
    std::vector<bool> goes(shape.size(), (!given || given->empty()) && !none_is_none);
    if (given)
        for (auto const axis : axes_of(node, *given, shape.size())) goes[axis] = true;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (goes[i]) reduction.axes.push_back(i);
        if (!goes[i] || reduction.keeps_axes) reduction.shape.push_back(goes[i] ? 1 : shape[i]);
    }
    return reduction;
}

Shape broadcast(Node const& node, Shape const& a, Shape const& b) {
    Shape result(std::max(a.size(), b.size()), 1);
    for (auto const* shape : {&a, &b})
        for (std::size_t i = 0; i < shape->size(); ++i) {
            auto& size = result[result.size() - shape->size() + i];
            auto const here = (*shape)[i];
            node.require(size == here || size == 1 || here == 1,
                         "its inputs " + text_of(a) + " and " + text_of(b) + " do not fit each other");
            if (here != 1) size = here;
        }
    return result;
}

}  // namespace skipstone::onnx
