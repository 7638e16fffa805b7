#include "onnx/inferred_shapes.hpp"

#include <onnx/shape_inference/implementation.h>

#include <exception>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

using ::onnx::TensorProto;

constexpr std::size_t most_told = 1024;  // integers whose values shapes may depend on

void add_input(::onnx::GraphProto& graph, std::string const& name, TensorProto::DataType type, Shape const& shape,
               std::vector<bool> const& is_open) {
    auto* value = graph.add_input();
    value->set_name(name);
    auto* tensor = value->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    auto* axes = tensor->mutable_shape();
    for (std::size_t i = 0; i < shape.size(); ++i) {
        auto* axis = axes->add_dim();
        if (is_open[i])
            axis->set_dim_param("batch");
        else
            axis->set_dim_value(shape[i]);
    }
}

void add_constant(::onnx::GraphProto& graph, std::string const& name, Constant const& constant) {
    bool const is_integer = constant.type() == Constant::Type::integer;
    auto const type = is_integer ? TensorProto::INT64 : TensorProto::FLOAT;
    if (!is_integer || constant.elements() > most_told)
        return add_input(graph, name, type, constant.shape(), std::vector<bool>(constant.shape().size()));
    auto* tensor = graph.add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (auto const size : constant.shape()) tensor->add_dims(size);
    for (auto const value : constant.integers()) tensor->add_int64_data(value);
}

std::vector<bool> open_axes(View const& view) {
    std::vector<bool> is_open;
    for (auto const& axis : view.axes) is_open.push_back(has_batch(axis));
    return is_open;
}

}  // namespace

void expect_inferred_shapes(Program const& program, Scene const& scene) {
    constexpr int newest_known = 17;
    if (program.nodes.empty() || program.nodes.front().opset() > newest_known) return;
    ::onnx::GraphProto graph;
    std::unordered_set<std::string> known{program.input};
    std::unordered_map<std::string, Node const*> givers;
    auto const& input = std::get<View>(*scene.find(program.input));
    add_input(graph, program.input, TensorProto::FLOAT, input.shape(), open_axes(input));
    for (auto const& node : program.nodes) {
        // What is constant is known, and what has no shape here asks nobody.
        bool is_view = false, is_whole = true;
        for (int i = 0; i < node.outputs(); ++i)
            if (node.has_output(i))
                if (auto const* value = scene.find(node.proto().output(i)))
                    is_view = is_view || std::holds_alternative<View>(*value);
        if (!is_view) continue;
        for (int i = 0; i < node.inputs(); ++i) {
            if (!node.has_input(i) || known.contains(node.input(i))) continue;
            auto const* value = scene.find(node.input(i));
            auto const* constant = value ? std::get_if<ConstantPointer>(value) : nullptr;
            if (!constant) {
                is_whole = false;
                continue;
            }
            add_constant(graph, node.input(i), **constant);
            known.insert(node.input(i));
        }
        if (!is_whole) continue;
        if (node.has("ceil_mode") && node.integer("ceil_mode", 0) != 0) {
            // The library of that age takes steps that begin behind the image, which nobody computes.
            if (auto const* value = scene.find(node.proto().output(0)); value && std::holds_alternative<View>(*value)) {
                auto const& view = std::get<View>(*value);
                add_input(graph, node.proto().output(0), TensorProto::FLOAT, view.shape(), open_axes(view));
                known.insert(node.proto().output(0));
            }
            continue;
        }
        *graph.add_node() = node.proto();
        for (int i = 0; i < node.outputs(); ++i)
            if (node.has_output(i)) {
                known.insert(node.proto().output(i));
                givers.emplace(node.proto().output(i), &node);
            }
    }
    try {
        int const opset = program.nodes.front().opset();
        ::onnx::shape_inference::InferShapes(&graph, {{"", opset}, {"ai.onnx", opset}});
    } catch (std::exception const&) {
        return;  // it has no opinion
    }
    for (auto const& value : graph.value_info()) {
        auto const* own = scene.find(value.name());
        auto const giver = givers.find(value.name());
        if (!own || giver == givers.end() || !std::holds_alternative<View>(*own)) continue;
        auto const& view = std::get<View>(*own);
        auto const& tensor = value.type().tensor_type();
        if (!value.type().has_tensor_type() || !tensor.has_shape()) continue;
        auto const shape = view.shape();
        auto const is_open = open_axes(view);
        bool fits = tensor.shape().dim_size() == static_cast<int>(shape.size());
        for (std::size_t i = 0; fits && i < shape.size(); ++i) {
            auto const& axis = tensor.shape().dim(static_cast<int>(i));
            fits = is_open[i] || !axis.has_dim_value() || axis.dim_value() == shape[i];
        }
        giver->second->require(fits, "gives " + value.name() + " of another shape than " + text_of(shape) +
                                         ", as the ONNX library finds; please report the model");
    }
}

}  // namespace skipstone::onnx
