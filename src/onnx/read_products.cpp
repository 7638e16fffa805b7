// Products with matrices: fully connected operators, and such of each pixel alone.

#include <limits>
#include <memory>
#include <sstream>

#include "onnx/limits.hpp"
#include "onnx/scene.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

std::string exactly(double value) {
    std::ostringstream text;
    text << std::hexfloat << value;
    return text.str();
}

// A constant matrix as it is multiplied with: [inputs, outputs], or the other way around.
struct Matrix {
    ConstantPointer values;
    bool has_outputs_first = false;
    std::int64_t inputs = 0, outputs = 0;
    double scale = 1;
};

Matrix matrix_of(Node const& node, Constant const& constant, bool has_outputs_first) {
    Shape shape = constant.shape();
    while (shape.size() > 2 && shape.front() == 1) shape.erase(shape.begin());
    node.require(shape.size() == 2, "multiplies by a constant " + text_of(constant.shape()) + ", and must by a matrix");
    Matrix matrix{std::make_shared<Constant const>(constant), has_outputs_first, shape[0], shape[1], 1};
    if (has_outputs_first) std::swap(matrix.inputs, matrix.outputs);
    node.require(matrix.inputs >= 1 && matrix.outputs >= 1 && matrix.outputs <= std::numeric_limits<int>::max(),
                 "multiplies by a constant " + text_of(constant.shape()));
    return matrix;
}

// index[i]: which row of the matrix multiplies input i.
Weights weights_of(std::string key, Matrix const& matrix, std::vector<std::size_t> index, std::vector<float> bias) {
    return {std::move(key), [matrix, index = std::move(index), bias = std::move(bias)] {
                auto const all = matrix.values->reals();
                auto const inputs = index.size(), outputs = static_cast<std::size_t>(matrix.outputs);
                std::vector<float> weights(all.size());
                auto const scale = static_cast<float>(matrix.scale);
                for (std::size_t o = 0; o < outputs; ++o)
                    for (std::size_t i = 0; i < inputs; ++i)
                        weights[o * inputs + i] =
                            scale * all[matrix.has_outputs_first ? o * inputs + index[i] : index[i] * outputs + o];
                std::vector<std::vector<float>> values;
                values.push_back(std::move(weights));
                if (!bias.empty()) values.push_back(bias);
                return values;
            }};
}

// One axis of a view times the matrix.
View product_of(Scene& scene, Node const& node, View view, std::size_t axis, Matrix const& matrix, std::string key,
                std::vector<float> const& bias) {
    auto& layout = scene.layout();
    auto const inputs = view.axes[axis];
    node.require(!has_batch(inputs), "mixes the images of a batch");
    node.require(product(inputs) == matrix.inputs, "multiplies an axis of " + std::to_string(product(inputs)) +
                                                       " elements by a matrix of " + std::to_string(matrix.inputs));
    node.require(matrix.inputs <= static_cast<std::int64_t>(limits::channels),
                 "multiplies by a matrix of more than 2^24 rows");
    auto const outputs = static_cast<int>(matrix.outputs);
    for (auto const& factor : inputs) key += " " + std::to_string(factor.size);
    bool const is_whole = inputs.size() == view.memory.size();
    if (!is_whole) view = layout.with_channels(view, inputs, node.name());
    // The order in which the operator reads them.
    auto const [rows, pixels] = layout.bounds(view);
    auto const from = view.memory.begin();
    auto const at = [&](std::size_t i) { return from + static_cast<std::ptrdiff_t>(i); };
    Factors const channels(at(pixels), view.memory.end());
    auto const order = is_whole ? joined({channels, {from, at(rows)}, {at(rows), at(pixels)}}) : channels;
    auto index = positions(order, inputs);
    bool is_moved = false;
    for (std::size_t i = 0; i < index.size(); ++i) is_moved = is_moved || index[i] != i;
    if (is_moved)
        for (auto const& factor : order) {
            std::size_t place = 0;
            while (inputs[place] != factor) ++place;
            key += " from " + std::to_string(place);
        }
    bool const has_bias = !bias.empty();
    Operation operation = op::FullyConnected{outputs, has_bias};
    if (!is_whole) operation = op::Convolution{square_window(1, 1, 0), outputs, 1, has_bias};
    key += is_whole ? " of all" : " of pixels";
    view.tensor = scene.sketch().add(node.name(), std::move(operation), {view.tensor},
                                     weights_of(std::move(key), matrix, std::move(index), bias));
    auto const made = layout.axis(outputs);
    Factors memory;
    if (!is_whole) memory.assign(view.memory.begin(), view.memory.end() - static_cast<std::ptrdiff_t>(inputs.size()));
    view.memory = joined({memory, made});
    view.axes[axis] = made;
    return view;
}

}  // namespace

void read_gemm(Scene& scene, Node const& node) {
    node.require(scene.is_constant(node, 1),
                 "multiplies two tensors that depend on the network's input; its second "
                 "must be constant");
    auto const& in = scene.view(node, 0);
    node.require(in.axes.size() == 2, "needs an input of two axes, and has " + text_of(in.shape()));
    node.require(node.integer("transA", 0) == 0,
                 "transposes its first input (transA), which mixes the images of a "
                 "batch");
    auto matrix = matrix_of(node, scene.constant(node, 1), node.integer("transB", 0) != 0);
    matrix.scale = node.number("alpha", 1);
    auto const beta = node.number("beta", 1);
    node.expect_known_attributes();
    std::string key =
        "product " + node.input(1) + (matrix.has_outputs_first ? " transposed" : "") + " " + exactly(matrix.scale);
    std::vector<float> bias;
    if (node.has_input(2) && scene.is_constant(node, 2)) {
        auto const& constant = scene.constant(node, 2);
        auto const outputs = static_cast<std::size_t>(matrix.outputs);
        node.require(
            (constant.elements() == outputs && constant.rank() > 0 && constant.shape().back() == matrix.outputs) ||
                constant.elements() == 1,
            "its input " + node.input(2) + " is not one number for each of " + std::to_string(outputs) + " outputs");
        bias = constant.reals();
        bias.resize(outputs, bias.front());
        for (auto& value : bias) value *= static_cast<float>(beta);
        key += " + " + node.input(2) + " " + exactly(beta);
    }
    auto result = product_of(scene, node, in, 1, matrix, std::move(key), bias);
    if (node.has_input(2) && !scene.is_constant(node, 2)) {
        auto const other = beta == 1 ? scene.view(node, 2) : scene.scaled(node, scene.view(node, 2), beta, 0);
        result = combined(scene, node, op::Arithmetic::Kind::add, result, other);
    }
    scene.give(node, std::move(result));
}

void read_matmul(Scene& scene, Node const& node) {
    node.expect_known_attributes();
    bool const is_right = scene.is_constant(node, 1);
    node.require(is_right || scene.is_constant(node, 0),
                 "multiplies two tensors that depend on the network's input (attention does); one must be constant");
    auto const& in = scene.view(node, is_right ? 0 : 1);
    auto const rank = in.axes.size();
    node.require(rank >= 2, "needs an input of two axes and more, and has " + text_of(in.shape()));
    auto const input = is_right ? 1 : 0;
    auto const& constant = scene.constant(node, input);
    auto const matrix = matrix_of(node, constant, !is_right);
    node.require(constant.rank() <= static_cast<std::int64_t>(rank), "multiplies by a constant of more axes");
    std::string key = "product " + node.input(input) + (is_right ? "" : " transposed") + " " + exactly(1);
    scene.give(node, product_of(scene, node, in, is_right ? rank - 1 : rank - 2, matrix, std::move(key), {}));
}

}  // namespace skipstone::onnx
