#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hdf5/file.hpp"
#include "model/tensor.hpp"

namespace skipstone::inputs {

// Inputs of any kind in an HDF5 file (spectrograms, signals, pictures): a dataset `inputs` [N, …] of numbers, and where
// they are known `labels` [N], whole numbers from 0 on. They are taken as they are: nothing is normalised. Rows are
// read when they are asked for. May be used from several threads.
class ArrayFile {
  public:
    // Throws InputError, naming file and dataset, when the file is no such one.
    explicit ArrayFile(std::string const& path);

    std::string const& path() const { return file_.path(); }
    std::size_t size() const { return shape_.front(); }  // > 0
    // N, and the extents of one input behind it.
    std::vector<std::uint64_t> const& shape() const { return shape_; }
    // The order in which the file has axes h, w and c of a network's input; `own`: that of the network itself. Throws
    // InputError, saying what would fit, when the extents of `inputs` are no such input's.
    std::string axes_for(TensorShape input, std::string_view own, std::string const& network) const;
    std::optional<int> label(std::size_t index) const;
    bool has_labels() const { return !labels_.empty(); }

    // Inputs first … first + count − 1, in the file's own order. Throws InputError when one of their numbers is not
    // finite, or cannot be read.
    void read(std::size_t first, std::size_t count, std::span<float> values) const;

  private:
    hdf5::File file_;
    hdf5::Dataset inputs_;
    std::vector<std::uint64_t> shape_;
    std::string layout_;  // "NHWC", "NCHW"; empty: not said
    std::vector<int> labels_;
    mutable std::mutex mutex_;
};

}  // namespace skipstone::inputs
