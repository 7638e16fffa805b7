#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model/network.hpp"
#include "model/operator.hpp"

namespace skipstone::onnx {

// A tensor of a weights file, as Graph::weight_tensors() names it.
struct Tensor {
    std::string name;
    std::vector<std::size_t> shape;
    std::vector<float> values;
};

struct Options {
    std::optional<std::string> output = {};  // the one of the model's outputs that the network gives
    std::optional<Extent> input = {};        // rows and columns of an input whose model leaves them open
};

// A network that was read from an ONNX file: the graph of one of its outputs, for a batch of any size.
struct Model {
    std::string name;  // of the model's graph; may be empty
    Blueprint blueprint;
    std::vector<Tensor> weights;                   // of blueprint.graph.weight_tensors(), in their order
    std::vector<std::string> external_files = {};  // that weights were read from, below the model's folder
    std::vector<std::string> remarks;  // what a user may want to know: outputs that were left out, and the like
};

// Throws InputError, naming the file, and where there is one the node and its type, when the file is no ONNX model or
// the network cannot run; EnvironmentError when the file cannot be read.
Model read_model(std::string const& path, Options const& options);

}  // namespace skipstone::onnx
