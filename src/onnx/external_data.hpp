#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <string>
#include <vector>

namespace skipstone::onnx {

// Reads weights that lie in files beside a model. Only regular files in the model's folder, or below it, are opened;
// links are followed as long as they stay there.
class ExternalData {
  public:
    explicit ExternalData(std::filesystem::path model);

    // Puts a tensor's bytes, of which there must be so many, into its raw_data. Throws InputError, naming model, tensor
    // and file, when they are elsewhere, missing, or of another number.
    void load(::onnx::TensorProto& tensor, std::int64_t bytes);

    // The files that were read, as the model calls them: paths below its folder.
    std::vector<std::string> const& files() const { return files_; }

  private:
    std::filesystem::path model_, folder_;
    std::vector<std::string> files_;
};

}  // namespace skipstone::onnx
