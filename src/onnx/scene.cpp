#include "onnx/scene.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "onnx/limits.hpp"

namespace skipstone::onnx {

Value const* Scene::find(std::string const& tensor) const {
    auto const found = values_.find(tensor);
    return found == values_.end() ? nullptr : &found->second;
}

void Scene::set_producer(Node const& node) {
    for (int i = 0; i < node.outputs(); ++i)
        if (node.has_output(i)) producers_.insert_or_assign(node.proto().output(i), node);
}

Node const* Scene::producer(std::string const& tensor) const {
    auto const found = producers_.find(tensor);
    return found == producers_.end() ? nullptr : &found->second;
}

bool Scene::is_constant(Node const& node, int input) const {
    auto const* value = find(node.input(input));
    return value && std::holds_alternative<ConstantPointer>(*value);
}

View const& Scene::view(Node const& node, int input) const {
    auto const* value = find(node.input(input));
    node.require(value, "reads " + node.input(input) + ", which no node before it gives");
    if (auto const* missing = std::get_if<Missing>(value)) throw InputError(missing->reason);
    auto const* view = std::get_if<View>(value);
    node.require(view, "its input " + node.input(input) + " is constant, and must depend on the network's input");
    return *view;
}

Constant const& Scene::constant(Node const& node, int input) const {
    auto const* value = find(node.input(input));
    node.require(value, "reads " + node.input(input) + ", which no node before it gives");
    auto const* constant = std::get_if<ConstantPointer>(value);
    node.require(constant, "its input " + node.input(input) + " depends on the network's input, and must be constant");
    return **constant;
}

Constants Scene::constants(Node const& node) const {
    Constants all;
    for (int i = 0; i < node.inputs(); ++i)
        all.push_back(node.has_input(i) && is_constant(node, i) ? std::get<ConstantPointer>(*find(node.input(i)))
                                                                : ConstantPointer());
    return all;
}

void Scene::give(Node const& node, Value value, int output) {
    if (node.has_output(output)) set(node.proto().output(output), std::move(value));
}

View Scene::applied(Node const& node, View view, Operation operation) {
    view.tensor = sketch_.add(node.name(), std::move(operation), {view.tensor});
    return view;
}

View Scene::scaled(Node const& node, View view, double scale, double shift) {
    view.tensor = sketch_.add_scaled(node.name(), view.tensor, scale, shift);
    return view;
}

Scene::PerChannel Scene::per_channel(Node const& node, View view, Shape const& constant) {
    auto& axes = view.axes;
    if (constant.size() > axes.size()) axes.insert(axes.begin(), constant.size() - axes.size(), Factors{});
    Factors own;
    for (std::size_t i = 0; i < constant.size(); ++i) {
        auto const& axis = axes[axes.size() - constant.size() + i];
        if (constant[i] == 1) continue;
        node.require(constant[i] == product(axis), "a constant " + text_of(constant) + " does not fit " +
                                                       text_of(view.shape()) +
                                                       ", or would make it larger, which is not run");
        node.require(!has_batch(axis), "a constant " + text_of(constant) + " differs between the images of a batch");
        own.insert(own.end(), axis.begin(), axis.end());
    }
    auto const& memory = view.memory;
    node.require(sketch_.shape(view.tensor).elements() <= limits::channels || own.empty(),
                 "has a constant for each of more than 2^24 elements");
    auto const pixels = static_cast<std::ptrdiff_t>(layout_.bounds(view).second);
    auto const first = std::ranges::find_if(memory, [&](auto const& f) { return contains(own, f); }) - memory.begin();
    auto const begin = std::min(first, pixels);  // of what is to be channels
    if (first < pixels) {
        auto const before = product({memory.begin(), memory.begin() + first});
        auto const behind = product({memory.begin() + first, memory.end()});
        view = layout_.ordered(view, Factors(memory), {1, 1, static_cast<int>(before), static_cast<int>(behind)},
                               node.name());
    }
    return {view, positions({view.memory.begin() + begin, view.memory.end()}, own)};
}

Handler handler_of(std::string const& type) {
    static std::map<std::string_view, Handler> const handlers{{"Conv", read_convolution},
                                                              {"MaxPool", read_pool},
                                                              {"AveragePool", read_pool},
                                                              {"GlobalAveragePool", read_global_pool},
                                                              {"GlobalMaxPool", read_global_pool},
                                                              {"LRN", read_response_norm},
                                                              {"BatchNormalization", read_batch_norm},
                                                              {"Gemm", read_gemm},
                                                              {"MatMul", read_matmul},
                                                              {"Relu", read_activation},
                                                              {"Clip", read_activation},
                                                              {"LeakyRelu", read_activation},
                                                              {"Elu", read_activation},
                                                              {"Selu", read_activation},
                                                              {"Celu", read_activation},
                                                              {"Sigmoid", read_activation},
                                                              {"Tanh", read_activation},
                                                              {"HardSigmoid", read_activation},
                                                              {"HardSwish", read_activation},
                                                              {"Gelu", read_activation},
                                                              {"Swish", read_activation},
                                                              {"Mish", read_activation},
                                                              {"Softplus", read_activation},
                                                              {"Softsign", read_activation},
                                                              {"Sqrt", read_activation},
                                                              {"Log", read_activation},
                                                              {"Abs", read_activation},
                                                              {"Exp", read_activation},
                                                              {"Neg", read_activation},
                                                              {"Reciprocal", read_activation},
                                                              {"Erf", read_activation},
                                                              {"PRelu", read_prelu},
                                                              {"Add", read_arithmetic},
                                                              {"Sub", read_arithmetic},
                                                              {"Mul", read_arithmetic},
                                                              {"Div", read_arithmetic},
                                                              {"Max", read_arithmetic},
                                                              {"Min", read_arithmetic},
                                                              {"Sum", read_arithmetic},
                                                              {"Mean", read_arithmetic},
                                                              {"Pow", read_power},
                                                              {"Equal", read_comparison},
                                                              {"Where", read_choice},
                                                              {"ReduceMean", read_reduction},
                                                              {"ReduceSum", read_reduction},
                                                              {"ReduceMax", read_reduction},
                                                              {"ReduceMin", read_reduction},
                                                              {"ReduceL1", read_reduction},
                                                              {"ReduceL2", read_reduction},
                                                              {"ReduceSumSquare", read_reduction},
                                                              {"Softmax", read_softmax},
                                                              {"LogSoftmax", read_softmax},
                                                              {"Identity", read_identity},
                                                              {"Dropout", read_identity},
                                                              {"Cast", read_cast},
                                                              {"Shape", read_shape},
                                                              {"Size", read_shape},
                                                              {"Reshape", read_reshape},
                                                              {"Flatten", read_reshape},
                                                              {"Squeeze", read_reshape},
                                                              {"Unsqueeze", read_reshape},
                                                              {"Transpose", read_transpose},
                                                              {"Concat", read_concat},
                                                              {"Slice", read_slice},
                                                              {"Split", read_split},
                                                              {"Gather", read_gather},
                                                              {"Pad", read_pad},
                                                              {"Expand", read_expand},
                                                              {"Tile", read_expand},
                                                              {"DepthToSpace", read_block_to_space},
                                                              {"SpaceToDepth", read_block_to_space}};
    auto const found = handlers.find(type);
    return found == handlers.end() ? nullptr : found->second;
}

std::string why_not(std::string const& type) {
    static std::map<std::string_view, std::string_view> const reasons{{"If", "control"},
                                                                      {"Loop", "control"},
                                                                      {"Scan", "control"},
                                                                      {"SequenceMap", "control"},
                                                                      {"LSTM", "recurrent"},
                                                                      {"GRU", "recurrent"},
                                                                      {"RNN", "recurrent"},
                                                                      {"QuantizeLinear", "quantized"},
                                                                      {"DequantizeLinear", "quantized"},
                                                                      {"DynamicQuantizeLinear", "quantized"},
                                                                      {"QLinearConv", "quantized"},
                                                                      {"QLinearMatMul", "quantized"},
                                                                      {"ConvInteger", "quantized"},
                                                                      {"MatMulInteger", "quantized"},
                                                                      {"ArgMax", "end"},
                                                                      {"ArgMin", "end"},
                                                                      {"TopK", "end"},
                                                                      {"OneHot", "end"},
                                                                      {"NonMaxSuppression", "end"},
                                                                      {"ConvTranspose", "larger"},
                                                                      {"Resize", "larger"},
                                                                      {"Upsample", "larger"}};
    auto const found = reasons.find(type);
    auto const kind = found == reasons.end() ? std::string_view() : found->second;
    if (kind == "control")
        return "control flow is not run: a network does the same for each input; export it traced, or simplify it "
               "(onnxsim)";
    if (kind == "recurrent") return "recurrent cells are not run; networks of convolutions are";
    if (kind == "quantized")
        return "quantized models are not read; export the model in float32 (precision = \"int8\" quantizes it here)";
    if (kind == "end") return "what chooses among the outputs is not run; --output takes a tensor before it";
    if (kind == "larger") return "what makes images larger is not run; networks that classify or score are";
    return "this type is not run; --output takes a tensor before it, if that is enough";
}

}  // namespace skipstone::onnx
