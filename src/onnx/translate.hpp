#pragma once

#include "onnx/model.hpp"
#include "onnx/onnx_pb.h"

namespace skipstone::onnx {

// The network of a model whose tensors hold their values: none of them lies in a file of its own. Throws InputError,
// naming the node and its type, for what cannot run.
Model translate(::onnx::ModelProto const& model, Options const& options);

}  // namespace skipstone::onnx
