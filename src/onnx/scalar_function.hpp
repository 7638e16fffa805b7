#pragma once

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "model/operator.hpp"

namespace skipstone::onnx {

// A tensor as a function of another one, element by element, known by its values at a few points.
struct ScalarFunction {
    static constexpr std::size_t points = 42;

    TensorId of;
    std::array<double, points> values;

    // The tensor itself.
    static ScalarFunction identity(TensorId tensor);
    ScalarFunction then(std::function<double(double)> const& function) const;
};

// What an operator that works element by element computes of one number; none: it is no such operator.
std::function<double(double)> function_of(Operation const& operation);
// What an operator computes of two numbers; none: it is no such operator.
std::function<double(double, double)> function_of_two(Operation const& operation);

struct Recognised {
    std::optional<Operation> operation;  // none: the number itself
};
// The operator that computes a function, to single precision.
std::optional<Recognised> recognised(ScalarFunction const& function);

}  // namespace skipstone::onnx
