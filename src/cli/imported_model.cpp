#include "cli/imported_model.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cli/import_cache.hpp"
#include "cli/signals.hpp"
#include "config/file_kind.hpp"
#include "kernels/weights.hpp"
#include "networks/graph_family.hpp"
#include "onnx/model.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"

namespace skipstone::cli {

namespace {

namespace fs = std::filesystem;

// Gives each tensor once. Throws ImportStopped.
class ModelWeights : public kernels::WeightSource {
  public:
    explicit ModelWeights(std::vector<onnx::Tensor> tensors) {
        for (auto& tensor : tensors) tensors_.emplace(tensor.name, std::move(tensor));
    }

    kernels::WeightValues read(std::string_view name) override {
        if (stop_requested()) throw ImportStopped();
        auto tensor = tensors_.extract(std::string(name));
        SKIPSTONE_EXPECT(!tensor.empty());
        return {std::move(tensor.mapped().shape), std::move(tensor.mapped().values)};
    }

  private:
    std::unordered_map<std::string, onnx::Tensor> tensors_;
};

std::string counted(std::size_t count, std::string const& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// zero: see kernels::check_normalization().
std::vector<double> per_channel(std::vector<double> values, double otherwise, TensorShape input, double range,
                                std::string const& option, kernels::Zero zero) {
    auto const wanted = static_cast<std::size_t>(input.c);
    if (values.empty()) values.assign(wanted, otherwise);
    if (values.size() != wanted)
        throw InputError(option + ": has " + counted(values.size(), "number") + ", and the model's input " +
                         counted(wanted, "channel"));
    kernels::check_normalization({option, 0, ""}, values, input, range, zero);
    return values;
}

bool is_onnx(std::string const& path) try {
    std::error_code ignored;
    return path.ends_with(".onnx") && fs::is_regular_file(path, ignored) &&
           config::identify(path) == config::FileKind::onnx;
} catch (InputError const&) {
    return false;  // whoever reads it says so
}

}  // namespace

ImportedModel import_model(std::string const& model, ImportOptions const& options, std::string const& weights) {
    auto read = config::read_as(config::FileKind::onnx, model, [&] {
        return onnx::read_model(model, {options.output, options.input});
    });
    auto const name = options.name.empty() ? fs::path(model).stem().string() : options.name;
    ImportedModel imported{{.name = name, .family = networks::graph_family(read.blueprint)}, {}, {}};
    auto const& graph = read.blueprint.graph;
    auto const shape = graph.at(graph.input()).shape;
    imported.profile.input = shape;
    imported.profile.classes = static_cast<int>(graph.at(graph.output()).shape.elements());
    imported.external_files = std::move(read.external_files);
    imported.remarks = std::move(read.remarks);
    ModelWeights tensors(std::move(read.weights));
    kernels::write_weights(
        weights,
        {.network = name,
         .blueprint = std::move(read.blueprint),
         .mean = per_channel(options.mean, 0, shape, options.range, "--mean", kernels::Zero::allowed),
         .std = per_channel(options.std, 1, shape, options.range, "--std", kernels::Zero::refused),
         .range = options.range,
         .source = fs::path(model).filename().string() + ", sha256 " + remembered_sha256(model),
         .license = {}},
        tensors);
    return imported;
}

std::string weights_file(std::string const& path, std::optional<std::string> const& output) {
    if (!is_onnx(path)) return path;
    return import_cache::file_of(path, output.value_or(""), [&](std::string const& weights) {
        return import_model(path, {.output = output}, weights).external_files;
    });
}

}  // namespace skipstone::cli
