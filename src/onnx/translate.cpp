#include "onnx/translate.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>

#include "onnx/check.hpp"
#include "onnx/fold.hpp"
#include "onnx/inferred_shapes.hpp"
#include "onnx/program.hpp"
#include "onnx/scene.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

// What an error says is said of the node that is being read.
[[noreturn]] void rethrow(Node const& node, InputError const& error) {
    std::string_view text = error.what();
    if (text.starts_with("node ") || text.starts_with("tensor ")) throw error;
    if (text.starts_with("operator ")) text.remove_prefix(std::min(text.find(": ") + 2, text.size()));
    node.refuse(std::string(text));
}

void read(Scene& scene, Node const& node) {
    try {
        auto const constants = scene.constants(node);
        for (int i = 0; i < node.inputs(); ++i)
            if (node.has_input(i))
                node.require(scene.find(node.input(i)), "reads " + node.input(i) + ", which no node before it gives");
        auto const& domain = node.proto().domain();
        node.require(domain.empty() || domain == "ai.onnx",
                     "is no operator of ONNX's own; export the model without operators of a domain of their own, or "
                     "put functions of the model in their place (onnx.inliner)");
        if (auto results = folded(node, constants)) {
            for (std::size_t i = 0; i < results->size(); ++i)
                scene.give(node, std::make_shared<Constant const>(std::move((*results)[i])), static_cast<int>(i));
        } else {
            auto const handler = handler_of(node.type());
            node.require(handler != nullptr, why_not(node.type()));
            handler(scene, node);
        }
        scene.set_producer(node);
    } catch (InputError const& error) {
        rethrow(node, error);
    }
}

// The axes of a network's own output behind the batch, as letters of ours; the view is arranged so that there are some.
std::string name_axes(Scene& scene, View& view) {
    auto& layout = scene.layout();
    if (!view.axes.empty() && std::ranges::all_of(view.axes[0], [](auto const& f) { return f.id == batch_id; }))
        view.axes.erase(view.axes.begin());
    if (has_batch(joined(view.axes)))
        throw InputError("the output mixes the images of a batch, or has it behind another axis");
    std::vector<std::size_t> large;
    for (std::size_t i = 0; i < view.axes.size(); ++i)
        if (!view.axes[i].empty()) large.push_back(i);
    if (large.size() > 3)
        throw InputError("the output " + text_of(view.shape()) +
                         " has more than three axes of more than one element; --output takes a tensor before it");
    auto const is_arranged = [&] {
        auto const [rows, pixels] = layout.bounds(view);
        auto const& memory = view.memory;
        auto const at = [&](std::size_t i) { return memory.begin() + static_cast<std::ptrdiff_t>(i); };
        std::vector<Factors> const groups{
            {memory.begin(), at(rows)}, {at(rows), at(pixels)}, {at(pixels), memory.end()}};
        return std::ranges::all_of(large,
                                   [&](auto i) { return std::ranges::find(groups, view.axes[i]) != groups.end(); });
    };
    if (!is_arranged()) {
        // As the axes follow each other in memory, where each is one run; else in their own order.
        auto order = large;
        std::ranges::sort(order, {}, [&](auto i) {
            return std::ranges::find(view.memory, view.axes[i].front()) - view.memory.begin();
        });
        Factors memory;
        for (auto const i : order) memory.insert(memory.end(), view.axes[i].begin(), view.axes[i].end());
        if (memory != view.memory) {
            order = large;
            memory = joined(view.axes);
        }
        std::array<int, 3> sizes{1, 1, 1};
        for (std::size_t i = 0; i < order.size(); ++i)
            sizes[3 - order.size() + i] = static_cast<int>(product(view.axes[order[i]]));
        view = layout.ordered(view, memory, {1, sizes[0], sizes[1], sizes[2]}, "output");
    }
    auto const [rows, pixels] = layout.bounds(view);
    std::string free = "cwh", letters(view.axes.size(), ' ');
    auto const begins = [&](std::size_t i) {
        return static_cast<std::size_t>(std::ranges::find(view.memory, view.axes[i].front()) - view.memory.begin());
    };
    for (auto const i : large) {
        letters[i] = begins(i) >= pixels ? 'c' : begins(i) >= rows ? 'w' : 'h';
        std::erase(free, letters[i]);
    }
    // Axes of one element have letters while there are any: of an image's those that it would have.
    std::string const usual = letters.size() == 3 ? "chw" : letters.size() == 2 ? "cw" : "c";
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (letters[i] != ' ' || free.empty()) continue;
        bool const is_usual = i < usual.size() && free.find(usual[i]) != std::string::npos;
        letters[i] = is_usual ? usual[i] : free.front();
        std::erase(free, letters[i]);
    }
    std::erase(letters, ' ');
    if (letters.empty()) letters = "c";
    return letters;
}

// A model read with its input as one of ours with these axes, "chw".
struct Reading {
    std::unique_ptr<Scene> scene;
    std::string input_axes, output_axes;
};

Reading read_with(Program const& program, std::string const& letters) {
    TensorShape shape{1, 1, 1, 1};
    for (std::size_t i = 0; i < letters.size(); ++i) {
        auto const size = static_cast<int>(program.input_shape[i]);
        (letters[i] == 'h' ? shape.h : letters[i] == 'w' ? shape.w : shape.c) = size;
    }
    if (std::int64_t{shape.h} * shape.w > 2147483647 / shape.c)
        throw InputError("input " + program.input + ": has more than 2^31 - 1 elements");
    Reading reading{std::make_unique<Scene>(shape), letters, {}};
    auto& scene = *reading.scene;
    auto const h = scene.layout().axis(shape.h), w = scene.layout().axis(shape.w), c = scene.layout().axis(shape.c);
    View input{TensorId(0), joined({h, w, c}), {}};
    if (program.batch) input.axes.push_back(*program.batch == 1 ? Factors{} : Factors{{batch_id, *program.batch}});
    for (char const letter : letters) input.axes.push_back(letter == 'h' ? h : letter == 'w' ? w : c);
    for (auto const& node : program.nodes)
        for (int i = 0; i < node.inputs(); ++i) {
            if (!node.has_input(i) || scene.find(node.input(i))) continue;
            auto const initializer = program.initializers.find(node.input(i));
            if (initializer != program.initializers.end())
                scene.set(node.input(i),
                          std::make_shared<Constant const>(Constant::of(*initializer->second, initializer->first)));
        }
    scene.set(program.input, input);
    for (auto const& node : program.nodes) read(scene, node);
    expect_inferred_shapes(program, scene);
    auto const* value = scene.find(program.output);
    if (value)
        if (auto const* missing = std::get_if<Missing>(value)) throw InputError(missing->reason);
    if (!value || !std::holds_alternative<View>(*value))
        throw InputError("output " + program.output + " does not depend on the input");
    auto view = std::get<View>(*value);
    reading.output_axes = name_axes(scene, view);
    scene.sketch().simplify(view.tensor);
    if (scene.sketch().size() == 0) throw InputError("output " + program.output + " is the input as it is");
    return reading;
}

// Axes that an input can have of ours, the likeliest first.
std::vector<std::string> input_axes(std::size_t axes) {
    if (axes == 0) return {""};
    if (axes == 1) return {"c", "w"};
    if (axes == 2) return {"hw", "cw", "wc"};
    return {"chw", "hwc"};
}

}  // namespace

Model translate(::onnx::ModelProto const& model, Options const& options) {
    check(model);
    auto program = program_of(model, options);
    // The way that takes the fewest operators: no transposes in front of convolutions.
    std::optional<Reading> best;
    std::exception_ptr problem;
    for (auto const& letters : input_axes(program.input_shape.size())) try {
            auto reading = read_with(program, letters);
            if (!best || reading.scene->sketch().size() < best->scene->sketch().size()) best = std::move(reading);
        } catch (InputError const&) {
            if (!problem) problem = std::current_exception();
        }
    if (!best) std::rethrow_exception(problem);
    auto drawing = best->scene->sketch().finish();
    Blueprint blueprint{std::move(drawing.graph), {}, {}, best->input_axes, best->output_axes};
    Model result{.name = model.graph().name(),
                 .blueprint = std::move(blueprint),
                 .weights = std::move(drawing.weights),
                 .remarks = std::move(program.remarks)};
    return result;
}

}  // namespace skipstone::onnx
