#pragma once

#include <string>
#include <unordered_map>
#include <variant>

#include "onnx/node.hpp"
#include "onnx/parameters.hpp"
#include "onnx/sketch.hpp"
#include "onnx/view.hpp"

namespace skipstone::onnx {

// What there is no operator for; an error for who reads it.
struct Missing {
    std::string reason;
};
using Value = std::variant<ConstantPointer, View, Missing>;

// A model while its nodes are read one by one: the values of the tensors so far, and the operators.
class Scene {
  public:
    explicit Scene(TensorShape input) : sketch_(input), layout_(sketch_) {}
    Scene(Scene const&) = delete;
    Scene& operator=(Scene const&) = delete;

    Sketch& sketch() { return sketch_; }
    Layout& layout() { return layout_; }

    void set(std::string const& tensor, Value value) { values_.insert_or_assign(tensor, std::move(value)); }
    Value const* find(std::string const& tensor) const;
    void set_producer(Node const& node);
    // The node that gives a tensor; none: it is an input or an initializer.
    Node const* producer(std::string const& tensor) const;

    // Inputs of a node. Throw InputError, naming the node, when it is not there, or not of that kind.
    bool is_constant(Node const& node, int input) const;
    View const& view(Node const& node, int input) const;
    Constant const& constant(Node const& node, int input) const;
    Constants constants(Node const& node) const;
    void give(Node const& node, Value value, int output = 0);

    // Helpers of several handlers: an operator of one input, and one that scales and shifts.
    View applied(Node const& node, View view, Operation operation);
    View scaled(Node const& node, View view, double scale, double shift);

    // A view whose channels are such that a constant, broadcast to it, has one value per channel; index says which.
    struct PerChannel {
        View view;
        std::vector<std::size_t> index;
    };
    PerChannel per_channel(Node const& node, View view, Shape const& constant);

  private:
    Sketch sketch_;
    Layout layout_;
    std::unordered_map<std::string, Value> values_;
    std::unordered_map<std::string, Node> producers_;
};

// How a type of node is read.
using Handler = void (*)(Scene& scene, Node const& node);
// None: the type is not known.
Handler handler_of(std::string const& type);
// Why a type is not run, and what would help.
std::string why_not(std::string const& type);

void read_convolution(Scene& scene, Node const& node);
void read_pool(Scene& scene, Node const& node);
void read_global_pool(Scene& scene, Node const& node);
void read_response_norm(Scene& scene, Node const& node);
void read_batch_norm(Scene& scene, Node const& node);
void read_gemm(Scene& scene, Node const& node);
void read_matmul(Scene& scene, Node const& node);

void read_activation(Scene& scene, Node const& node);
void read_prelu(Scene& scene, Node const& node);
void read_arithmetic(Scene& scene, Node const& node);
void read_power(Scene& scene, Node const& node);
void read_comparison(Scene& scene, Node const& node);
void read_choice(Scene& scene, Node const& node);
// Element by element, of two views that are broadcast to each other.
View combined(Scene& scene, Node const& node, op::Arithmetic::Kind kind, View a, View b);

void read_reduction(Scene& scene, Node const& node);
void read_softmax(Scene& scene, Node const& node);

void read_identity(Scene& scene, Node const& node);
void read_cast(Scene& scene, Node const& node);
void read_shape(Scene& scene, Node const& node);
void read_reshape(Scene& scene, Node const& node);
void read_transpose(Scene& scene, Node const& node);
void read_concat(Scene& scene, Node const& node);
void read_slice(Scene& scene, Node const& node);
void read_split(Scene& scene, Node const& node);
void read_gather(Scene& scene, Node const& node);
void read_pad(Scene& scene, Node const& node);
void read_expand(Scene& scene, Node const& node);
void read_block_to_space(Scene& scene, Node const& node);

}  // namespace skipstone::onnx
