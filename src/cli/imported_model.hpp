#pragma once

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "model/network.hpp"

// Models in ONNX as weights files.
namespace skipstone::cli {

// What is not in a model.
struct ImportOptions {
    std::string name = {};                    // of the network; empty: the file's, without its ending
    std::optional<std::string> output = {};   // the one of several that the network gives
    std::optional<Extent> input = {};         // rows and columns, where the model leaves them open
    std::vector<double> mean = {}, std = {};  // of each channel of a picture; empty: 0 and 1
    double range = 1;                         // what a pixel's full value is before these
};

// What came of it.
struct ImportedModel {
    NetworkProfile profile;
    std::vector<std::string> external_files;  // that weights were read from, below the model's folder
    std::vector<std::string> remarks;
};

// A signal was remembered (cli/signals.hpp) before all was written.
class ImportStopped : public std::exception {
  public:
    char const* what() const noexcept override { return "the import was stopped"; }
};

// Makes a weights file of a model in ONNX. Throws InputError, naming the model, when it cannot be read or run, or the
// options do not fit it; ImportStopped, and leaves nothing.
ImportedModel import_model(std::string const& model, ImportOptions const& options, std::string const& weights);

// The weights file that a path stands for: of a model in ONNX what it was imported to, of everything else (what is not
// there, too) the path itself. Imported models are kept in the cache folder (units/cache_folder.hpp) under imports/, at
// most 2 GB of them; without that folder, until this process ends. output: see ImportOptions. Throws InputError as
// import_model() does.
std::string weights_file(std::string const& path, std::optional<std::string> const& output = {});

}  // namespace skipstone::cli
