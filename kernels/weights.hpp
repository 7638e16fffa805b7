#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hdf5/file.hpp"
#include "model/network.hpp"

namespace skipstone::kernels {

// What a weights file says about itself in its root attributes.
struct WeightsInfo {
    std::string file;
    std::string network;            // its name; of a profile, unless there is a graph
    TensorShape input;              // that it was trained for
    std::vector<double> mean, std;  // of each channel: input = (value − mean) / std
    double range = 1;               // what the largest value of a pixel is before that: 1 or 255
    int classes = 0;                // how many numbers it gives
    std::string graph;              // the network as text (networks/graph_text.hpp); empty: a profile has it
    std::string source, license;    // empty where the file does not say
    std::string sha256;             // of the whole file, 64 hexadecimal digits; empty where it was not asked for
    std::string identity;           // of the file when it was hashed (HashedFile); empty where it was not
};

// Root attributes: `network`, `input_mean` and `input_std` (a number per channel; of pictures in 0…1), `input_range`
// (1 unless it is there), `source` and `license` (if known); `graph`, or else `input_size` (of a square RGB image) and
// `classes`, which otherwise follow from the graph, and have to agree with it where they are there.
// Throws InputError, naming file and attribute, when the file is missing, is not HDF5, is truncated, or lacks an
// attribute or has a nonsensical one. Without the hash the file is not read as a whole; with it, it is read unless the
// cache folder remembers it (remembered_hash()); all of it is of one state of the file, or InputError is thrown.
WeightsInfo read_weights_attributes(std::string const& path);
WeightsInfo read_weights_info(std::string const& path);  // with the hash

// Whether the path still is the file that was hashed, as it was then.
bool is_unchanged(WeightsInfo const& hashed);
// Throws InputError where it is not.
void expect_unchanged(WeightsInfo const& hashed);

struct WeightValues {
    std::vector<std::size_t> shape;  // convolutions: [O,I,k,k]; fully connected: [O,I]; others: [O]
    std::vector<float> values;       // row-major
};

// Where a network's weights come from, tensor by tensor.
class WeightSource {
  public:
    virtual ~WeightSource() = default;
    // name: one of Network::weight_tensors().
    virtual WeightValues read(std::string_view name) = 0;
};

// Weights from an HDF5 file, one float32 or float16 dataset per tensor.
class FileWeights : public WeightSource {
  public:
    // Throws InputError, naming file and tensor, unless the file is for this network and every tensor is there with its
    // shape and type.
    FileWeights(std::string const& path, Network const& network);

    // Throws InputError when a value is not finite, or a variance negative.
    WeightValues read(std::string_view name) override;
    // Which file is read, and its state now (hdf5::File::identity).
    std::string identity() const { return file_.identity(); }

  private:
    hdf5::File file_;
};

// What a weights file of a network of any kind holds beside its tensors.
struct NewWeights {
    std::string network;            // its name
    Blueprint blueprint;            // what it is
    std::vector<double> mean, std;  // as WeightsInfo
    double range = 1;
    std::string source, license;  // empty: unknown
};

enum class Zero { allowed, refused };

// Throws InputError at the place unless the values can be the mean of an input's channels, or with Zero::refused what
// the rest is divided by: a finite number per channel; of a picture's values in 0 … 1, from 0 to 1.
void check_normalization(InputPlace const& place, std::vector<double> const& values, TensorShape input, double range,
                         Zero zero);

// Writes a weights file that carries its graph: whole or not at all, as write_file() of units/output_file.hpp.
// tensors: gives every tensor of the graph in its shape. Throws InputError when the path cannot be written or is an
// input, when a value is not finite, and for what read_weights_attributes() would refuse.
void write_weights(std::string const& path, NewWeights const& weights, WeightSource& tensors);

// He-normal weights (He et al. 2015, fan-in) from a seed, no biases; batch norms pass their input through, but what
// ends a residual block's F(x), a batch norm or a convolution alone, scales by 1/4, so that activations stay bounded
// over 50 blocks. Every tensor depends on the seed and its own name and shape alone, with the same bits on every host.
class HeWeights : public WeightSource {
  public:
    HeWeights(Network const& network, std::uint64_t seed);

    WeightValues read(std::string_view name) override;

  private:
    struct Tensor {
        std::vector<std::size_t> shape;
        float constant = 0;  // value of all elements, unless random
        double gain = 1;     // of random ones, times what is usual
        bool random = false;
    };
    std::unordered_map<std::string, Tensor> tensors_;
    std::uint64_t seed_;
};

}  // namespace skipstone::kernels
