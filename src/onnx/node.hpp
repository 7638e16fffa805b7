#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/onnx_pb.h"

namespace skipstone::onnx {

// A node of a model's graph, read by one that knows its type. It keeps a reference to the model.
class Node {
  public:
    // opset: the version of the ONNX operators that the model is written in.
    Node(::onnx::NodeProto const& node, int opset) : node_(&node), opset_(opset) {}

    std::string const& type() const { return node_->op_type(); }
    int opset() const { return opset_; }
    ::onnx::NodeProto const& proto() const { return *node_; }
    // What the operators that come of it are called: its name without slashes, or its first output's.
    std::string name() const;
    // "node conv1 (Conv)".
    std::string label() const;
    // Throws InputError that names the node; problem: what is wrong, and what would help.
    [[noreturn]] void refuse(std::string const& problem) const;
    void require(bool fits, std::string const& problem) const {
        if (!fits) refuse(problem);
    }

    int inputs() const { return node_->input_size(); }
    bool has_input(int i) const { return i < node_->input_size() && !node_->input(i).empty(); }
    std::string const& input(int i) const;
    int outputs() const { return node_->output_size(); }
    bool has_output(int i) const { return i < node_->output_size() && !node_->output(i).empty(); }

    // Attributes. Throw InputError when one is of another type.
    bool has(std::string_view name) const;
    std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
    double number(std::string_view name, double otherwise) const;
    std::string text(std::string_view name, std::string_view otherwise) const;
    std::optional<std::vector<std::int64_t>> integers(std::string_view name) const;
    std::optional<std::vector<double>> numbers(std::string_view name) const;
    ::onnx::TensorProto const* tensor(std::string_view name) const;
    // That an attribute is known, and changes nothing here.
    void ignore(std::string_view name) const;
    // Throws InputError when it has an attribute that was not asked for: what it means is not known.
    void expect_known_attributes() const;

  private:
    ::onnx::AttributeProto const* find(std::string_view name, ::onnx::AttributeProto::AttributeType type) const;

    ::onnx::NodeProto const* node_;
    int opset_;
    mutable std::set<std::string, std::less<>> asked_;
};

// A name of an ONNX model as operators and weights are called: letters, digits and . _ - : alone.
std::string plain_name(std::string_view name);

}  // namespace skipstone::onnx
