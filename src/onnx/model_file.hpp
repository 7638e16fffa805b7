#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace skipstone::onnx {

// A model as its file has it. Each of its tensors, wherever it stands, holds its elements itself: as many as its shape
// says, of a type that is known.
struct ModelFile {
    ::onnx::ModelProto model;
    std::vector<std::string> external_files;  // that weights were read from, below the model's folder
};

// Throws InputError, naming the file, when it is no model in ONNX, is damaged, or is beyond a limit of limits.hpp, and
// naming tensor and file, when a tensor's elements are not there.
ModelFile load_model(std::string const& path);

}  // namespace skipstone::onnx
