#include "study/data_set.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "inputs/data_path.hpp"
#include "units/error.hpp"
#include "units/sha256.hpp"

namespace skipstone::study {

namespace fs = std::filesystem;

namespace {

std::string sha256_of(fs::path const& path) {
    if (!fs::is_directory(path)) return sha256_of_file(path);
    std::vector<fs::path> files;
    try {
        for (auto const& entry : fs::recursive_directory_iterator(path))
            if (entry.is_regular_file()) files.push_back(entry.path());
    } catch (fs::filesystem_error const& error) {
        throw InputError({path.string(), 0, ""}, "cannot be listed (" + error.code().message() + ")");
    }
    std::ranges::sort(files);
    Sha256 stream;
    for (auto const& file : files) {
        auto const line = sha256_of_file(file.string()) + " " + fs::relative(file, path).string() + "\n";
        stream.update(std::as_bytes(std::span(line)));
    }
    return stream.finish();
}

}  // namespace

DataSet::DataSet(std::string const& path, std::optional<std::size_t> limit, inputs::InputForm form, int classes)
    : path_(path),
      file_(inputs::file_of(path)),
      sha256_(fs::exists(file_) ? sha256_of(file_) : ""),
      source_(path, std::move(form)),
      size_(limit.value_or(source_.size())) {
    if (size_ > source_.size())
        throw InputError({path, 0, ""}, "holds " + std::to_string(source_.size()) + " images, and the limit is " +
                                            std::to_string(size_) + "; choose fewer");
    if (!source_.label(0))  // a source has labels for all of its images, or for none
        throw InputError(
            {path, 0, ""},
            "image 0 has no label; a study needs labelled images: a CIFAR-10 batch (.bin, .bin.xz), a folder "
            "with a folder of pictures per class, or a data set in HDF5 with `labels`");
    source_.check_labels(classes);
    source_.look_for_cut_off();
}

std::size_t DataSet::classes_met() const {
    std::set<int> labels;
    for (std::size_t i = 0; i < size_; ++i) labels.insert(label(i));
    return labels.size();
}

std::string DataSet::name() const {
    auto const path = fs::path(path_).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).filename().string();
}

void DataSet::expect_unchanged() const {
    if (sha256_of(file_) != sha256_)
        throw InputError({file_, 0, ""}, "was changed while the study ran; its images are not what was measured");
}

}  // namespace skipstone::study
