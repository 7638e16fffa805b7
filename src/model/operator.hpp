#pragma once

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
// What slides over an image: its size, its steps, and the rows and columns that are put around the image before.
struct Window {
    Extent kernel, stride;
    Padding padding;
    bool operator==(Window const&) const = default;
};
Window square_window(int kernel, int stride, int padding);

// What an operator does. Weights are called NAME.weight and so on, after the operator (Graph::weight_tensors).
namespace op {

struct Convolution {  // without bias
    Window window;
    int outputs = 0;
};
struct FullyConnected {  // of an image of one pixel; with bias
    int outputs = 0;
};
struct MaxPool {
    Window window;
};
struct GlobalAverage {};  // over an image's pixels
struct BatchNorm {
    double epsilon = 1e-5;
};
struct Relu {};
struct Add {};  // of two tensors of one shape
// The shortcut without parameters, "option A" of He et al. 2015: every stride-th row and column; new channels are zero,
// half of them before and half behind the old ones.
struct Subsample {
    int stride = 1, channels = 0;
};

}  // namespace op

using Operation = std::variant<op::Convolution, op::FullyConnected, op::MaxPool, op::GlobalAverage, op::BatchNorm,
                               op::Relu, op::Add, op::Subsample>;

struct Operator {
    std::string name;  // unique in its graph
    Operation operation;
    std::vector<TensorId> inputs;
    TensorId output;

    template <class Kind>
    Kind const* as() const {
        return std::get_if<Kind>(&operation);
    }
    // It multiplies: Eq. 1 and 2 count it.
    bool is_weighted() const { return as<op::Convolution>() || as<op::FullyConnected>(); }
};

}  // namespace skipstone
