#include "onnx/model.hpp"
#include "onnx/model_file.hpp"
#include "onnx/translate.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

Model read_model(std::string const& path, Options const& options) {
    auto file = load_model(path);
    try {
        auto model = translate(file.model, options);
        model.external_files = std::move(file.external_files);
        return model;
    } catch (InputError const& error) {
        if (!error.place().file.empty()) throw;
        throw InputError({path, 0, ""}, error.what());
    }
}

}  // namespace skipstone::onnx
