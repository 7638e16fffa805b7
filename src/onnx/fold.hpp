#pragma once

#include <optional>
#include <vector>

#include "onnx/parameters.hpp"

namespace skipstone::onnx {

// What a node gives whose inputs are all constant, one for each output; none: such nodes are not computed here. Throws
// InputError, naming the node, when it makes no sense, or makes much more than it is given.
std::optional<std::vector<Constant>> folded(Node const& node, Constants const& inputs);

}  // namespace skipstone::onnx
