#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/operator.hpp"
#include "model/precision.hpp"
#include "model/tensor.hpp"
#include "units/quantity.hpp"

namespace skipstone {

// What some of a network's operators cost.
struct Costs {
    Macs macs{};      // c_j: n_in k_h k_w n_out H_out W_out of convolutions and fully connected operators (Eq. 2)
    Bytes memory{};   // m_j: what these read (Eq. 1)
    Bytes weights{};  // theirs, without biases; shared ones once

    bool operator==(Costs const&) const = default;
};

// Operators between one input tensor and one output tensor, each behind those that it reads. Immutable; copies share
// their contents.
class Graph {
  public:
    // A tensor of one image.
    struct Activations {
        std::string name;  // of the operator that gives it; "input"
        TensorShape shape;
        bool is_negative_somewhere = true;  // it can be
        bool is_exact = false;              // float32, whatever the network's precision is
        bool precedes_weights = false;      // a weighted operator comes behind it
    };
    class Builder;

    TensorId input() const { return TensorId(0); }
    TensorId output() const;
    std::vector<Operator> const& operators() const;
    Operator const& at(OperatorId id) const { return operators().at(id.index()); }
    std::vector<Activations> const& tensors() const;
    Activations const& at(TensorId id) const { return tensors().at(id.index()); }
    // The operator that gives a tensor; none: it is the graph's input.
    OperatorId source(TensorId tensor) const;
    // The operators that read it, in order.
    std::vector<OperatorId> const& readers(TensorId tensor) const;
    // Type of the numbers that an operator computes with, and of the tensor that it gives: the network's, but float32
    // for fully connected operators behind which none is weighted, means over an image, reductions and softmax, and for
    // what only passes on or changes element by element what these give.
    Precision precision_of(Operator const& op, Precision network) const {
        return at(op.output).is_exact ? Precision::float32 : network;
    }
    // Costs in a precision.
    Costs costs(std::vector<OperatorId> const& operators, Precision precision) const;
    // A tensor of a weights file that an operator reads.
    struct WeightTensor {
        std::string name;
        std::vector<std::size_t> shape;

        bool operator==(WeightTensor const&) const = default;
        std::size_t elements() const;
    };
    std::vector<WeightTensor> weight_tensors(OperatorId id) const;
    // Of all operators; shared ones once.
    std::vector<WeightTensor> weight_tensors() const;
    // The tensors that alone cross from what is before to what is behind, in order: the input first, the output last.
    std::vector<TensorId> cuts() const;

  private:
    struct Contents;
    explicit Graph(std::shared_ptr<Contents const> contents) : contents_(std::move(contents)) {}
    std::shared_ptr<Contents const> contents_;
};

// Puts a graph together, operator by operator; finds the shape of each tensor.
class Graph::Builder {
  public:
    explicit Builder(TensorShape input);
    // Of a piece of another graph: what it reads is already known to be so.
    explicit Builder(Activations input);

    TensorShape shape(TensorId tensor) const;
    // The tensor that it gives. weights: see Operator; empty: the name. Throws InputError, naming the operator, when
    // its inputs do not fit, its name is taken, or what it gives has more than 2^31 − 1 elements.
    TensorId add(std::string name, Operation operation, std::vector<TensorId> inputs, std::string weights = {});
    // output: what the graph gives; precedes_weights: of a piece of another graph, see Activations. Throws InputError,
    // naming an operator that does not lead to the output.
    Graph finish(TensorId output, bool precedes_weights = false) &&;

  private:
    static void mark_exact(Contents& contents);

    std::shared_ptr<Contents> contents_;
    std::unordered_set<std::string> names_;
};

}  // namespace skipstone
