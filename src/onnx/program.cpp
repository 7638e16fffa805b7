#include "onnx/program.hpp"

#include <algorithm>
#include <unordered_set>

#include "onnx/check.hpp"
#include "onnx/view.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

using ::onnx::GraphProto;
using ::onnx::TensorProto;
using ::onnx::ValueInfoProto;

// "input [batch,3,?,?]".
std::string described(ValueInfoProto const& value) {
    std::string text = value.name() + " [";
    bool is_first = true;
    for (auto const& axis : value.type().tensor_type().shape().dim()) {
        if (!is_first) text += ",";
        is_first = false;
        text += axis.has_dim_value()                                ? std::to_string(axis.dim_value())
                : axis.has_dim_param() && !axis.dim_param().empty() ? axis.dim_param()
                                                                    : "?";
    }
    return text + "]";
}

template <class Values>
std::string listed(Values const& values) {
    std::string text;
    for (auto const& value : values) text += (text.empty() ? "" : ", ") + described(value);
    return text;
}

std::string chosen_output(GraphProto const& graph, Options const& options, Program& program) {
    if (graph.output_size() == 0) throw InputError("the model has no output");
    std::string name;
    if (options.output) {
        name = *options.output;
        bool is_there = std::ranges::any_of(graph.output(), [&](auto const& o) { return o.name() == name; });
        for (auto const& node : graph.node())
            is_there = is_there || std::ranges::find(node.output(), name) != node.output().end();
        if (!is_there || name.empty())
            throw InputError("output: the model has no tensor \"" + name + "\"; its outputs are " +
                             listed(graph.output()));
    } else if (graph.output_size() > 1) {
        throw InputError("the model has several outputs, of which a network has one; choose it with --output: " +
                         listed(graph.output()));
    } else {
        name = graph.output(0).name();
    }
    std::string others;
    for (auto const& output : graph.output())
        if (output.name() != name) others += (others.empty() ? "" : ", ") + output.name();
    if (!others.empty()) program.remarks.push_back("outputs that are left out: " + others);
    return name;
}

// The sizes of an input, those that are open from the options.
void find_shape(ValueInfoProto const& input, Options const& options, Program& program) {
    auto const fail = [&](std::string const& problem) {
        throw InputError("input " + described(input) + ": " + problem);
    };
    if (!input.type().has_tensor_type()) fail("is no tensor (a sequence, a map or an optional value)");
    auto const type = input.type().tensor_type().elem_type();
    bool const is_known = type == TensorProto::FLOAT || type == TensorProto::FLOAT16 || type == TensorProto::DOUBLE ||
                          type == TensorProto::BFLOAT16 || type == TensorProto::UINT8;
    if (!is_known) fail("its numbers are not floats; export the model for float32 inputs");
    if (!input.type().tensor_type().has_shape()) fail("its shape is not told; export the model with one");
    auto const& axes = input.type().tensor_type().shape().dim();
    if (axes.empty()) fail("is one number");
    if (axes.size() > 4) fail("has more axes than [N,C,H,W]; networks of images, signals and features are run");
    std::vector<std::int64_t> sizes;
    std::vector<std::size_t> open;
    for (auto const& axis : axes) {
        bool const is_open = !axis.has_dim_value() || axis.dim_value() <= 0;
        if (is_open && !sizes.empty()) open.push_back(sizes.size());
        sizes.push_back(is_open ? -1 : axis.dim_value());
        if (!is_open && axis.dim_value() > (1 << 24)) fail("an axis has more than 2^24 elements");
    }
    std::string const how = "; --input HxW gives rows and columns";
    if (open.size() > 2) fail("leaves more than rows and columns open; export the model with a number of channels");
    if (!open.empty() && !options.input)
        fail("leaves " + std::string(open.size() == 2 ? "rows and columns" : "a size") + " open" + how);
    if (open.size() == 2) {
        sizes[open[0]] = options.input->h;
        sizes[open[1]] = options.input->w;
    } else if (open.size() == 1) {
        // Of an image with one open side it may be either; of a signal it is the columns.
        bool const is_row = sizes.size() == 4 && (open[0] == 1 || (open[0] == 2 && sizes[1] <= 4));
        sizes[open[0]] = is_row ? options.input->h : options.input->w;
    } else if (options.input) {
        bool fits = false;
        for (std::size_t i = 1; i + 1 < sizes.size(); ++i)
            fits = fits || (sizes[i] == options.input->h && sizes[i + 1] == options.input->w);
        if (!fits)
            fail("its rows and columns are told by the model, and cannot be others" + how + " where they are not");
    }
    if (sizes.size() == 1) {
        if (sizes[0] < 0) fail("is one number for each image of a batch");
        program.input_shape = sizes;
        return;
    }
    program.batch = sizes[0] < 0 ? open_batch : sizes[0];
    program.input_shape.assign(sizes.begin() + 1, sizes.end());
}

}  // namespace

Program program_of(::onnx::ModelProto const& model, Options const& options) {
    auto const& graph = model.graph();
    auto const opset = opset_of(model);
    Program program;
    for (auto const& tensor : graph.initializer()) program.initializers.emplace(tensor.name(), &tensor);
    program.output = chosen_output(graph, options, program);
    std::unordered_map<std::string, int> producers;
    for (int i = 0; i < graph.node_size(); ++i)
        for (auto const& output : graph.node(i).output())
            if (!output.empty()) producers.emplace(output, i);
    // From the output back to what it needs.
    std::vector<bool> is_needed(static_cast<std::size_t>(graph.node_size()));
    std::unordered_set<std::string> outer;  // read, and given by no node
    std::vector<std::string> to_see{program.output};
    std::unordered_set<std::string> seen{program.output};
    while (!to_see.empty()) {
        auto const name = std::move(to_see.back());
        to_see.pop_back();
        auto const producer = producers.find(name);
        if (producer == producers.end()) {
            outer.insert(name);
            continue;
        }
        is_needed[static_cast<std::size_t>(producer->second)] = true;
        for (auto const& input : graph.node(producer->second).input())
            if (!input.empty() && seen.insert(input).second) to_see.push_back(input);
    }
    for (int i = 0; i < graph.node_size(); ++i)
        if (is_needed[static_cast<std::size_t>(i)]) program.nodes.emplace_back(graph.node(i), opset);
    std::vector<ValueInfoProto> inputs;
    for (auto const& input : graph.input())
        if (outer.contains(input.name()) && !program.initializers.contains(input.name())) inputs.push_back(input);
    if (inputs.empty()) throw InputError("output " + program.output + " depends on no input of the model");
    if (inputs.size() > 1) throw InputError("the network has several inputs, and must have one: " + listed(inputs));
    program.input = inputs.front().name();
    find_shape(inputs.front(), options, program);
    if (program.batch && *program.batch != 1 && *program.batch != open_batch)
        program.remarks.push_back("the model is for batches of " + std::to_string(*program.batch) +
                                  "; here it is run for any");
    return program;
}

}  // namespace skipstone::onnx
