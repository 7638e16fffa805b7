#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "images/image_source.hpp"
#include "model/tensor.hpp"

namespace skipstone::study {

// Labelled images: the first ones of an image source. Move-only; load() may be called from several threads.
class DataSet {
  public:
    // limit: how many images, all of them when empty. Throws InputError for what ImageSource refuses, for a limit that
    // is more than there is, for an image without a label in 0 … classes − 1, for class folders that are not as many as
    // the classes, and for a picture that was cut off.
    DataSet(std::string const& path, std::optional<std::size_t> limit, int classes);

    std::size_t size() const { return size_; }
    int label(std::size_t index) const { return *source_.label(index); }

    // Images first … first + count − 1, resized and normalised: [count,size,size,3]. Throws InputError for a damaged
    // picture.
    Tensor load(std::size_t first, std::size_t count, int size, std::array<float, 3> const& mean,
                std::array<float, 3> const& deviation) const;

    std::vector<std::string> const& class_folders() const { return source_.class_folders(); }
    std::string description() const { return source_.description(); }
    std::size_t classes_met() const;  // how many different labels its images have

    std::string name() const;  // of the file or folder, without its path
    // SHA-256 of the file's bytes, or of the names and bytes of a folder's files, before any of them was read.
    std::string const& sha256() const { return sha256_; }
    // Throws InputError when the hash is another one now: pictures of a folder are read when they are needed.
    void expect_unchanged() const;

  private:
    std::string path_, sha256_;
    images::ImageSource source_;
    std::size_t size_;
};

}  // namespace skipstone::study
