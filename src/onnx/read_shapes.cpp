// What arranges, joins and cuts tensors.

#include <algorithm>
#include <limits>
#include <numeric>

#include "onnx/scene.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

// So many pieces a tensor is cut into, or made of, by one node.
constexpr std::size_t most_pieces = 256;

int small(std::int64_t value) {
    SKIPSTONE_EXPECT(value >= 0 && value <= std::numeric_limits<int>::max());
    return static_cast<int>(value);
}

// The axis that has `size` elements now, in place of what it had.
View with_axis(Layout& layout, Layout::Placed const& placed, std::size_t axis, TensorId tensor, std::int64_t size) {
    auto view = placed.view;
    view.tensor = tensor;
    auto& old = view.axes[axis];
    auto const made = layout.axis(size);
    if (!old.empty()) {
        auto const at = view.memory.erase(std::ranges::find(view.memory, old.front()));
        view.memory.insert(at, made.begin(), made.end());
    } else {
        auto const [rows, pixels] = layout.bounds(placed.view);
        auto const at = placed.axis == Axis::h ? 0 : placed.axis == Axis::w ? rows : pixels;
        view.memory.insert(view.memory.begin() + static_cast<std::ptrdiff_t>(at), made.begin(), made.end());
    }
    old = made;
    return view;
}

View cut_out(Scene& scene, Node const& node, View const& view, Cut const& cut) {
    auto const size = product(view.axes[cut.axis]);
    if (cut.begin == 0 && cut.step == 1 && cut.count == size) return view;
    auto const placed = scene.layout().placed(view, cut.axis, true, node.name());
    auto const step = cut.count == 1 ? 1 : cut.step;  // of one element any step may be told
    auto const end = cut.begin + (cut.count - 1) * step + 1;
    auto const tensor = scene.sketch().add(
        node.name(), op::Slice{placed.axis, small(cut.begin), small(end), small(step)}, {placed.view.tensor});
    return with_axis(scene.layout(), placed, cut.axis, tensor, cut.count);
}

View concatenated(Scene& scene, Node const& node, std::vector<View> views, std::size_t axis) {
    if (views.size() == 1) return views.front();
    auto& layout = scene.layout();
    // The first agrees with all others about factors, then they with it.
    for (auto const& view : views) {
        node.require(view.axes.size() == views[0].axes.size(), "its inputs have not as many axes");
        for (std::size_t i = 0; i < view.axes.size(); ++i)
            node.require(i == axis || product(view.axes[i]) == product(views[0].axes[i]),
                         "its inputs " + text_of(views[0].shape()) + " and " + text_of(view.shape()) +
                             " differ in more than one axis");
    }
    for (std::size_t i = 1; i < views.size(); ++i)
        views[0] = layout.aligned(views[0], views[i], node.name(), static_cast<int>(axis)).first;
    // The layout of the one that has the axis in one run, most likely of all.
    auto const is_run = [&](View const& view) {
        auto const& factors = view.axes[axis];
        return !factors.empty() && std::ranges::search(view.memory, factors).size() == factors.size();
    };
    auto const first_run = std::ranges::find_if(views, is_run);
    auto const lead = first_run == views.end() ? 0 : static_cast<std::size_t>(first_run - views.begin());
    if (lead > 0) views[lead] = layout.aligned(views[0], views[lead], node.name(), static_cast<int>(axis)).second;
    auto const placed = layout.placed(views[lead], axis, true, node.name());
    auto const shape = scene.sketch().shape(placed.view.tensor);
    auto const& factors = placed.view.axes[axis];
    std::size_t begin = 0;  // of the axis in memory
    if (factors.empty()) {
        auto const [rows, pixels] = layout.bounds(placed.view);
        begin = placed.axis == Axis::h ? 0 : placed.axis == Axis::w ? rows : pixels;
    } else {
        begin = static_cast<std::size_t>(std::ranges::find(placed.view.memory, factors.front()) -
                                         placed.view.memory.begin());
    }
    auto const& memory = placed.view.memory;
    Factors const before(memory.begin(), memory.begin() + static_cast<std::ptrdiff_t>(begin));
    Factors const behind(memory.begin() + static_cast<std::ptrdiff_t>(begin + factors.size()), memory.end());
    std::vector<TensorId> tensors;
    std::int64_t all = 0;
    for (std::size_t i = 0; i < views.size(); ++i) {
        auto const& own = views[i].axes[axis];
        auto const size = product(own);
        node.require(size <= std::numeric_limits<int>::max() - all, "gives more than 2^31 - 1 elements");
        all += size;
        if (i == lead) {
            tensors.push_back(placed.view.tensor);
            continue;
        }
        auto const other = layout.aligned(placed.view, views[i], node.name(), static_cast<int>(axis));
        node.require(other.first.memory == memory, "joins tensors whose axes are made of parts that do not fit");
        auto here = shape;
        (placed.axis == Axis::h ? here.h : placed.axis == Axis::w ? here.w : here.c) = small(size);
        auto const order = joined({before, other.second.axes[axis], behind});
        tensors.push_back(layout.ordered(other.second, order, here, node.name()).tensor);
    }
    auto const tensor = scene.sketch().add(node.name(), op::Concat{placed.axis}, std::move(tensors));
    return with_axis(layout, placed, axis, tensor, all);
}

// Some elements of an axis, in any order.
View taken(Scene& scene, Node const& node, View const& view, std::size_t axis, std::vector<std::int64_t> const& which) {
    std::vector<Cut> cuts;  // runs of one step
    for (auto const at : which) {
        if (!cuts.empty()) {
            auto& last = cuts.back();
            auto const step = at - (last.begin + (last.count - 1) * last.step);
            if (last.count == 1 && step > 0) last.step = step;
            if (step > 0 && step == last.step) {
                ++last.count;
                continue;
            }
        }
        cuts.push_back({axis, at, 1, 1});
    }
    node.require(cuts.size() <= most_pieces,
                 "takes elements in an order of more than " + std::to_string(most_pieces) + " runs");
    std::vector<View> pieces;
    for (auto cut : cuts) {
        if (cut.count == 1) cut.step = 1;
        pieces.push_back(cut_out(scene, node, view, cut));
    }
    return concatenated(scene, node, std::move(pieces), axis);
}

View repeated(Scene& scene, Node const& node, View const& view, std::size_t axis, std::int64_t times) {
    if (times == 1) return view;
    node.require(
        times >= 1 && times <= static_cast<std::int64_t>(most_pieces),
        "repeats an axis " + std::to_string(times) + " times; 1 to " + std::to_string(most_pieces) + " are run");
    return concatenated(scene, node, std::vector<View>(static_cast<std::size_t>(times), view), axis);
}

View transposed(View view, std::vector<std::size_t> const& order) {
    std::vector<Factors> axes;
    for (auto const axis : order) axes.push_back(view.axes[axis]);
    view.axes = std::move(axes);
    return view;
}

}  // namespace

void read_identity(Scene& scene, Node const& node) {
    if (node.type() == "Dropout") {
        node.ignore("ratio");
        node.ignore("seed");
        node.require(node.integer("is_test", 1) != 0, "is in training mode; export the model for inference");
        if (node.has_input(2))
            node.require(scene.constant(node, 2).elements() == 1 && scene.constant(node, 2).number() == 0,
                         "is in training mode; export the model for inference (model.eval())");
        scene.give(node, Missing{node.label() + ": what it leaves out in training is not computed"}, 1);
    }
    node.expect_known_attributes();
    scene.give(node, scene.view(node, 0));
}

void read_cast(Scene& scene, Node const& node) {
    using ::onnx::TensorProto;
    auto const to = node.integer("to", TensorProto::FLOAT);
    node.ignore("saturate");
    node.expect_known_attributes();
    bool const is_real = to == TensorProto::FLOAT || to == TensorProto::DOUBLE || to == TensorProto::FLOAT16 ||
                         to == TensorProto::BFLOAT16;
    if (is_real) return scene.give(node, scene.view(node, 0));
    scene.give(node, Missing{node.label() + ": makes integers of what depends on the network's input; floats are run"});
}

void read_shape(Scene& scene, Node const& node) {
    // As of a constant of that shape.
    auto const shape = scene.view(node, 0).shape();
    auto const rank = static_cast<std::int64_t>(shape.size());
    if (node.type() == "Size") {
        scene.give(node,
                   std::make_shared<Constant const>(Shape{}, std::vector{product(joined(scene.view(node, 0).axes))}));
        return;
    }
    auto const within = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
    auto const begin = within(node.integer("start", 0)), end = std::max(within(node.integer("end", rank)), begin);
    node.expect_known_attributes();
    std::vector<std::int64_t> sizes(shape.begin() + begin, shape.begin() + end);
    scene.give(node, std::make_shared<Constant const>(Shape{end - begin}, std::move(sizes)));
}

void read_reshape(Scene& scene, Node const& node) {
    auto const& view = scene.view(node, 0);
    auto const shape = reshaped_shape(node, scene.constants(node), view.shape());
    node.expect_known_attributes();
    node.require(shape.size() <= 16, "gives a tensor of more than 16 axes");
    scene.give(node, scene.layout().reshaped(view, shape, node.name()));
}

void read_transpose(Scene& scene, Node const& node) {
    auto const& view = scene.view(node, 0);
    auto const order = permutation_of(node, view.axes.size());
    node.expect_known_attributes();
    scene.give(node, transposed(view, order));
}

void read_concat(Scene& scene, Node const& node) {
    std::vector<View> views;
    for (int i = 0; i < node.inputs(); ++i) {
        node.require(!scene.is_constant(node, i), "joins a constant, " + node.input(i) +
                                                      ", with what depends on the network's input, which is not run");
        views.push_back(scene.view(node, i));
    }
    node.require(!views.empty(), "has no input");
    auto const axis = axis_of(node, node.integer("axis", 1), views[0].axes.size());
    node.expect_known_attributes();
    scene.give(node, concatenated(scene, node, std::move(views), axis));
}

void read_slice(Scene& scene, Node const& node) {
    auto view = scene.view(node, 0);
    for (auto const& cut : cuts_of(node, scene.constants(node), view.shape())) {
        node.require(cut.count >= 1, "takes nothing of an axis");
        node.require(!has_batch(view.axes[cut.axis]), "takes some images of a batch");
        if (cut.step > 0) {
            view = cut_out(scene, node, view, cut);
        } else {
            node.require(cut.count <= static_cast<std::int64_t>(most_pieces),
                         "turns an axis of more than " + std::to_string(most_pieces) + " elements around");
            std::vector<std::int64_t> which;
            for (std::int64_t i = 0; i < cut.count; ++i) which.push_back(cut.begin + i * cut.step);
            view = taken(scene, node, view, cut.axis, which);
        }
    }
    node.expect_known_attributes();
    scene.give(node, std::move(view));
}

void read_split(Scene& scene, Node const& node) {
    auto const& view = scene.view(node, 0);
    auto const parts = parts_of(node, scene.constants(node), view.shape());
    node.expect_known_attributes();
    node.require(!has_batch(view.axes[parts.front().axis]), "takes some images of a batch");
    for (std::size_t i = 0; i < parts.size(); ++i)
        scene.give(node, cut_out(scene, node, view, parts[i]), static_cast<int>(i));
}

void read_gather(Scene& scene, Node const& node) {
    auto const& view = scene.view(node, 0);
    auto const& which = scene.constant(node, 1);
    auto const axis = axis_of(node, node.integer("axis", 0), view.axes.size());
    node.expect_known_attributes();
    node.require(!has_batch(view.axes[axis]), "takes some images of a batch");
    node.require(which.elements() >= 1 && which.elements() <= 65536, "takes nothing, or more than 65536 elements");
    auto const size = product(view.axes[axis]);
    auto chosen = which.integers();
    for (auto& at : chosen) {
        node.require(at >= -size && at < size,
                     "takes element " + std::to_string(at) + " of an axis of " + std::to_string(size));
        if (at < 0) at += size;
    }
    auto result = taken(scene, node, view, axis, chosen);
    // The axis becomes those of the indices.
    Shape shape = result.shape();
    auto const at = shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    shape.insert(at, which.shape().begin(), which.shape().end());
    scene.give(node, scene.layout().reshaped(std::move(result), shape, node.name()));
}

void read_pad(Scene& scene, Node const& node) {
    auto view = scene.view(node, 0);
    auto const constants = scene.constants(node);
    auto const rank = view.axes.size();
    auto const pads = integers_of(node, constants, "pads", 1);
    std::vector<std::size_t> axes(rank);
    std::iota(axes.begin(), axes.end(), std::size_t{0});
    if (auto const given = integers_of(node, constants, "axes", 3)) axes = axes_of(node, *given, rank);
    node.require(pads && pads->size() == 2 * axes.size(), "its pads are not two for each axis");
    auto const mode = node.text("mode", "constant");
    node.require(mode == "constant" || mode == "reflect" || mode == "edge",
                 "its mode is " + mode + "; constant, reflect and edge are run");
    auto value = node.number("value", 0);
    if (node.has_input(2)) {
        auto const& constant = scene.constant(node, 2);
        node.require(constant.elements() == 1, "its value is not one number");
        value = constant.number();
    }
    node.expect_known_attributes();
    op::Pad const kind{mode == "constant"  ? op::Pad::Mode::constant
                       : mode == "reflect" ? op::Pad::Mode::reflect
                                           : op::Pad::Mode::edge,
                       {},
                       mode == "constant" ? value : 0};
    for (std::size_t i = 0; i < axes.size(); ++i) {
        auto const axis = axes[i];
        auto before = (*pads)[i], behind = (*pads)[i + axes.size()];
        if (before == 0 && behind == 0) continue;
        node.require(!has_batch(view.axes[axis]), "adds images to a batch");
        auto const size = product(view.axes[axis]);
        node.require(before > -size && behind > -size &&
                         size + std::min<std::int64_t>(before, 0) + std::min<std::int64_t>(behind, 0) >= 1 &&
                         before <= (1 << 24) && behind <= (1 << 24),
                     "its pads leave nothing, or are more than 2^24");
        auto const begin = before < 0 ? -before : 0, end = behind < 0 ? size + behind : size;
        if (begin > 0 || end < size) view = cut_out(scene, node, view, {axis, begin, 1, end - begin});
        before = std::max<std::int64_t>(before, 0);
        behind = std::max<std::int64_t>(behind, 0);
        if (before == 0 && behind == 0) continue;
        auto const placed = scene.layout().placed(view, axis, false, node.name());
        auto pad = kind;
        if (placed.axis == Axis::h)
            pad.padding = {small(before), 0, small(behind), 0};
        else
            pad.padding = {0, small(before), 0, small(behind)};
        auto const tensor = scene.sketch().add(node.name(), pad, {placed.view.tensor});
        view = with_axis(scene.layout(), placed, axis, tensor, end - begin + before + behind);
    }
    scene.give(node, std::move(view));
}

void read_expand(Scene& scene, Node const& node) {
    auto view = scene.view(node, 0);
    auto const constants = scene.constants(node);
    auto const wanted = integers_of(node, constants, "", 1).value_or(Shape{});
    node.expect_known_attributes();
    node.require(wanted.size() <= 16, "gives a tensor of more than 16 axes");
    if (node.type() == "Tile") {
        node.require(wanted.size() == view.axes.size(), "has not a count for each axis");
        for (std::size_t i = 0; i < wanted.size(); ++i) view = repeated(scene, node, view, i, wanted[i]);
        return scene.give(node, std::move(view));
    }
    auto const shape = broadcast(node, view.shape(), wanted);
    view.axes.insert(view.axes.begin(), shape.size() - view.axes.size(), Factors{});
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (view.axes[i].empty()) view = repeated(scene, node, view, i, shape[i]);
    scene.give(node, std::move(view));
}

void read_block_to_space(Scene& scene, Node const& node) {
    auto view = scene.view(node, 0);
    auto const shape = view.shape();
    auto const block = node.integer("blocksize", 0);
    auto const mode = node.text("mode", "DCR");
    node.expect_known_attributes();
    node.require(shape.size() == 4 && block >= 1 && block <= 65536, "needs an input [N,C,H,W] and a blocksize");
    auto const square = block * block;
    auto& layout = scene.layout();
    if (node.type() == "DepthToSpace") {
        node.require(shape[1] % square == 0, "its blocks of " + std::to_string(square) + " do not divide " +
                                                 std::to_string(shape[1]) + " channels");
        auto const c = shape[1] / square;
        bool const depth_first = mode == "DCR";
        view = layout.reshaped(view,
                               depth_first ? Shape{shape[0], block, block, c, shape[2], shape[3]}
                                           : Shape{shape[0], c, block, block, shape[2], shape[3]},
                               node.name());
        view = transposed(view, depth_first ? std::vector<std::size_t>{0, 3, 4, 1, 5, 2}
                                            : std::vector<std::size_t>{0, 1, 4, 2, 5, 3});
        view = layout.reshaped(view, {shape[0], c, shape[2] * block, shape[3] * block}, node.name());
    } else {
        node.require(shape[2] % block == 0 && shape[3] % block == 0, "its blocks do not divide " + text_of(shape));
        auto const h = shape[2] / block, w = shape[3] / block;
        view = layout.reshaped(view, {shape[0], shape[1], h, block, w, block}, node.name());
        view = transposed(view, {0, 3, 5, 1, 2, 4});
        view = layout.reshaped(view, {shape[0], shape[1] * square, h, w}, node.name());
    }
    scene.give(node, std::move(view));
}

}  // namespace skipstone::onnx
