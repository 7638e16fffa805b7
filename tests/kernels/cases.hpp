#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/network.hpp"
#include "units/random.hpp"

// Networks of one operator or a few, of every kind and in odd sizes, as data.
namespace skipstone::kernels {

// Adds operators behind a tensor; returns the last one's output.
using Draw = std::function<TensorId(Graph::Builder&, TensorId)>;

// A network that is what a function draws behind its input.
NetworkProfile drawn(TensorShape input, Draw draw, Precision precision = Precision::float32);

struct Case {
    std::string name;
    TensorShape input;
    Draw draw;
};
std::vector<Case> convolution_cases();
std::vector<Case> other_cases();
std::vector<Case> activation_cases();
std::vector<Case> combination_cases();

// Behind a tensor so many operators, whichever fit, each of which reads some of the latest tensors.
TensorId draw_any(Graph::Builder& graph, TensorId from, RandomStream& stream, int operators);

}  // namespace skipstone::kernels
