#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "inputs/input_source.hpp"
#include "model/tensor.hpp"

namespace skipstone::study {

// Labelled inputs: the first ones of a source, or of a part of one (inputs::DataPath). Move-only; load() may be called
// from several threads.
class DataSet {
  public:
    // limit: how many inputs, all of them when empty. Throws InputError for what InputSource refuses, for a limit that
    // is more than there is, for an input without a label in 0 … classes − 1, for class folders that are not as many as
    // the classes, and for a picture that was cut off.
    DataSet(std::string const& path, std::optional<std::size_t> limit, inputs::InputForm form, int classes);

    std::size_t size() const { return size_; }
    int label(std::size_t index) const { return *source_.label(index); }

    // Inputs first … first + count − 1: [count,H,W,C]. Throws InputError for what is damaged.
    Tensor load(std::size_t first, std::size_t count) const { return source_.load(first, count); }

    std::vector<std::string> const& class_folders() const { return source_.class_folders(); }
    std::string description() const { return source_.description(); }
    std::size_t classes_met() const;  // how many different labels its inputs have

    std::string name() const;  // of the file or folder without its path, and of the part as it was given
    // SHA-256 of the whole file's bytes, or of the names and bytes of a folder's files, before any of them was read.
    std::string const& sha256() const { return sha256_; }
    // Throws InputError when the hash is another one now: pictures of a folder are read when they are needed.
    void expect_unchanged() const;

  private:
    std::string path_, file_, sha256_;
    inputs::InputSource source_;
    std::size_t size_;
};

}  // namespace skipstone::study
