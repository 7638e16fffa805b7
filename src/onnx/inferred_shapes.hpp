#pragma once

#include "onnx/program.hpp"
#include "onnx/scene.hpp"

namespace skipstone::onnx {

// A second opinion on what was read: throws InputError, naming the node, when the ONNX library's shape inference finds
// another shape for what it gives. It knows opsets up to 17; of newer ones it is not asked.
void expect_inferred_shapes(Program const& program, Scene const& scene);

}  // namespace skipstone::onnx
