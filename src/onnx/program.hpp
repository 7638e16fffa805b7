#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "onnx/model.hpp"
#include "onnx/node.hpp"

namespace skipstone::onnx {

// What of a model is run: one input, one output, and the nodes between them. The model must outlive it.
struct Program {
    std::vector<Node> nodes;  // each behind those that it reads
    std::unordered_map<std::string, ::onnx::TensorProto const*> initializers;
    std::string input, output;
    std::vector<std::int64_t> input_shape;  // the axes behind the batch
    std::optional<std::int64_t> batch;      // the first axis; none: it has none, and the input is one of one axis
    std::vector<std::string> remarks;
};

// Throws InputError when the model has several outputs or inputs and none is chosen, leaves sizes open, is written in
// operators that are not read, …
Program program_of(::onnx::ModelProto const& model, Options const& options);

}  // namespace skipstone::onnx
