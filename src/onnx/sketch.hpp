#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/graph.hpp"
#include "onnx/model.hpp"
#include "onnx/scalar_function.hpp"

namespace skipstone::onnx {

// The weights of an operator, made when it is known that it stays.
struct Weights {
    std::string key;  // operators of one key share their weights; empty: nobody does
    // The values of Graph::weight_tensors(), in their order.
    std::function<std::vector<std::vector<float>>()> make;
    // What is added to the second of them, the bias, which may be this alone; empty: nothing.
    std::vector<float> added = {};

    std::vector<std::vector<float>> values() const;
};

// An operator while the model is being read.
struct Step {
    std::string name;
    Operation operation;
    std::vector<TensorId> inputs;
    Weights weights;
    std::string missing;  // what is wrong if it stays: there is no operator for it
};

// A graph that is put together in any order of thought: what turns out to be of no use goes in the end, and what can be
// one operator becomes one.
class Sketch {
  public:
    explicit Sketch(TensorShape input) : input_(input), builder_(input), functions_(1) {}

    TensorShape shape(TensorId tensor) const { return builder_.shape(tensor); }
    // Throws InputError as Graph::Builder::add does. Functions of one number that are spelled out in several operators
    // are recognised: x sigmoid(x) gives SiLU of x, and what computes x again gives x itself.
    TensorId add(std::string const& name, Operation operation, std::vector<TensorId> inputs, Weights weights = {});
    // scale x + shift, with one scale and one shift for all elements.
    TensorId add_scaled(std::string const& name, TensorId input, double scale, double shift);
    // A function that has no operator: fine if more around it makes a known one. missing: else thrown as InputError.
    TensorId add_missing(std::string const& name, TensorId input, std::function<double(double)> const& function,
                         std::string missing);

    struct Drawing {
        Graph graph;
        std::vector<Tensor> weights;
    };
    // Leaves out what does not lead to the output, and joins what can be joined.
    void simplify(TensorId output);
    // After simplify(): the operators that stay.
    std::size_t size() const;
    Drawing finish() const;

  private:
    TensorId append(std::string const& name, Operation operation, std::vector<TensorId> inputs, Weights weights,
                    std::vector<ScalarFunction> functions);
    TensorId add_function(std::string const& name, Operation operation, TensorId input, Weights weights,
                          std::function<double(double)> const& function);
    std::vector<TensorId> used() const;
    bool simplify_once();

    TensorShape input_;
    Graph::Builder builder_;
    std::vector<Step> steps_;  // by the tensor that they give, without the input
    // By tensor: it as a function of tensors before it, the farthest first.
    std::vector<std::vector<ScalarFunction>> functions_;
    std::unordered_map<std::string, int> names_;  // how often each was given
    TensorId output_;
};

}  // namespace skipstone::onnx
