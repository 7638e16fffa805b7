#pragma once

#include <vector>

#include "onnx/parameters.hpp"

// What nodes give that compute with constants; each has all of its inputs. Throw InputError, naming the node.
namespace skipstone::onnx {

using Folded = std::vector<Constant>;  // one for each output

Folded fold_many(Node const& node, Constants const& inputs);  // two inputs, or more, element by element
Folded fold_one(Node const& node, Constants const& inputs);
Folded fold_cast(Node const& node, Constants const& inputs);
Folded fold_where(Node const& node, Constants const& inputs);
Folded fold_reduction(Node const& node, Constants const& inputs);
Folded fold_dequantized(Node const& node, Constants const& inputs);

}  // namespace skipstone::onnx
