#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "units/id.hpp"

namespace skipstone {

using TensorId = Id<struct TensorTag>;      // index into Graph::tensors()
using OperatorId = Id<struct OperatorTag>;  // index into Graph::operators()

struct Extent {
    int h = 1, w = 1;
    bool operator==(Extent const&) const = default;
};
struct Padding {
    int top = 0, left = 0, bottom = 0, right = 0;
    bool operator==(Padding const&) const = default;
};
// What slides over an image: its size, its steps, how far apart its elements are (1: side by side), and the rows and
// columns that are put around the image before.
struct Window {
    Extent kernel, stride;
    Padding padding;
    Extent dilation = {};
    bool operator==(Window const&) const = default;

    // What it covers of the image.
    Extent span() const { return {(kernel.h - 1) * dilation.h + 1, (kernel.w - 1) * dilation.w + 1}; }
};
Window square_window(int kernel, int stride, int padding);

// An axis of an image's tensor [H,W,C].
enum class Axis { h, w, c };

// What an operator does. Its weights are tensors of a weights file, called W.weight and so on; W is Operator::weights.
namespace op {

// W.weight [outputs, C / groups, kernel.h, kernel.w], and W.bias [outputs] if it has one.
struct Convolution {
    Window window;
    int outputs = 0;
    int groups = 1;  // as many as input channels: depthwise
    bool has_bias = false;
};
// Of all elements of its input, in the order C, H, W: W.weight [outputs, C H W], and W.bias [outputs] if it has one.
struct FullyConnected {
    int outputs = 0;
    bool has_bias = true;
};
struct MaxPool {  // around the image nothing is
    Window window;
};
struct AveragePool {
    Window window;
    bool counts_padding = false;  // the zeros around the image are part of the mean
};
struct GlobalAverage {};  // over an image's pixels
// Per channel, W.weight (x − W.running_mean) / √(W.running_var + epsilon) + W.bias.
struct BatchNorm {
    double epsilon = 1e-5;
};
struct Affine {};  // per channel, W.weight x + W.bias
// Local response normalisation across channels (Krizhevsky et al. 2012): x / (k + alpha / size · sum of the squares of
// `size` channels around) ^ beta.
struct ResponseNorm {
    int size = 5;
    double alpha = 1e-4, beta = 0.75, k = 1;
};
struct Relu {};
// Element by element; alpha and beta are read by the kinds that say so.
struct Activation {
    enum class Kind {
        clip,        // min(max(x, alpha), beta); ReLU6: 0, 6
        leaky_relu,  // x < 0: alpha x
        elu,         // x < 0: alpha (exp(x) − 1)
        sigmoid,
        tanh,
        hard_sigmoid,  // min(max(alpha x + beta, 0), 1)
        hard_swish,    // x · min(max(x / 6 + 1/2, 0), 1)
        silu,          // x sigmoid(x)
        gelu,          // x Φ(x)
        gelu_tanh,     // its approximation by tanh
        square_root,
        logarithm,
        absolute,
        exponential
    } kind;
    double alpha = 0, beta = 0;
};
struct Prelu {};  // x < 0: W.weight x, per channel
struct Add {};    // of two tensors of one shape
// Of two tensors, element by element; each axis of the second is as long as the first's, or 1: then it counts for all.
struct Arithmetic {
    enum class Kind { add, subtract, multiply, divide, maximum, minimum } kind;
};
struct Concat {  // of one and more tensors
    Axis axis = Axis::c;
};
struct Slice {  // begin, begin + step, … below end
    Axis axis = Axis::c;
    int begin = 0, end = 0, step = 1;
};
struct Pad {
    enum class Mode { constant, reflect, edge } mode = Mode::constant;
    Padding padding;
    double value = 0;
};
struct Reshape {  // the same elements in the same order, [H,W,C] with C fastest
    int h = 1, w = 1, c = 1;
};
struct Transpose {  // axis i of what it gives is axis order[i] of what it reads
    std::array<Axis, 3> order{Axis::h, Axis::w, Axis::c};
};
struct Reduce {  // over some axes, which have one element then
    enum class Kind { sum, mean, maximum, minimum } kind;
    bool h = false, w = false, c = false;
};
struct Softmax {};  // over the channels of each pixel
// The shortcut without parameters, "option A" of He et al. 2015: every stride-th row and column; new channels are zero,
// half of them before and half behind the old ones.
struct Subsample {
    int stride = 1, channels = 0;
};

}  // namespace op

using Operation =
    std::variant<op::Convolution, op::FullyConnected, op::MaxPool, op::AveragePool, op::GlobalAverage, op::BatchNorm,
                 op::Affine, op::ResponseNorm, op::Relu, op::Activation, op::Prelu, op::Add, op::Arithmetic, op::Concat,
                 op::Slice, op::Pad, op::Reshape, op::Transpose, op::Reduce, op::Softmax, op::Subsample>;

// "convolution", "fully connected", "max pool", …
std::string_view name_of(Operation const& operation);

struct Operator {
    std::string name;  // unique in its graph
    Operation operation;
    std::vector<TensorId> inputs;
    TensorId output;
    std::string weights;  // what the names of its weights begin with: its own name, or one that shares them

    template <class Kind>
    Kind const* as() const {
        return std::get_if<Kind>(&operation);
    }
    // It multiplies by weights: Eq. 1 and 2 count it.
    bool is_weighted() const { return as<op::Convolution>() || as<op::FullyConnected>(); }
};

}  // namespace skipstone
