#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>

namespace skipstone::fuzz {

// Changes a model as its own types allow: numbers, texts, enums and shapes to others that are worth a try, parts that
// go, are repeated, change places or are taken from elsewhere in the model. The same seed makes the same changes.
void edit_model(::onnx::ModelProto& model, std::uint64_t seed);

}  // namespace skipstone::fuzz
