#pragma once

#include <functional>
#include <string>
#include <vector>

// Weights files that were made from models, kept in the cache folder: imports/NAME-KEY.h5 there, KEY a hash of all that
// the file follows from: the model, the files that its weights lie in, the output that was chosen, and this program's
// revision. imports/KEY.files names the files of a model's weights, imports/NAME-KEY.used says by its time when
// NAME-KEY.h5 was last used. Whatever is wrong with the folder, it says nothing and does without.
namespace skipstone::cli::import_cache {

// Makes a weights file at a path; returns the files that weights were read from, below the model's folder.
using Import = std::function<std::vector<std::string>(std::string const& weights)>;

// The weights file of a model: kept, or made now. Where it cannot be kept, it lies in a folder of temporary files as
// long as this process runs.
std::string file_of(std::string const& model, std::string const& output, Import const& import);

}  // namespace skipstone::cli::import_cache
