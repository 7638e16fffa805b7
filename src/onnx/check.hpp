#pragma once

#include "onnx/onnx_pb.h"

namespace skipstone::onnx {

// Throws InputError when the ONNX library's checker finds that a model is none. Operators of opsets that are newer than
// the library, which knows 17, are checked by those who read them.
void check(::onnx::ModelProto const& model);

// The version of the ONNX operators that a model is written in, from 7 on. Throws InputError when it is older, or not
// told.
int opset_of(::onnx::ModelProto const& model);

}  // namespace skipstone::onnx
