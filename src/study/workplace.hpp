#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/network_kernels.hpp"
#include "kernels/packed_network.hpp"
#include "kernels/weights.hpp"
#include "model/calibration.hpp"
#include "model/convolution_choice.hpp"
#include "model/network.hpp"
#include "mpi/communicator.hpp"
#include "study/data_set.hpp"
#include "study/prefix_tree.hpp"

namespace skipstone::study {

// The classes that a batch's images were taken for, set by set: [sets, images of the batch].
using Predictions = std::vector<std::uint32_t>;

// A network's weights for workers of one thread each. choices: of a float32 network; calibration: of an int8 one. host:
// the ranks of this host, collective over them; nullptr where there are no ranks. Throws InputError as PackedNetwork
// does.
kernels::PackedNetwork pack(Network const& network, kernels::WeightsInfo const& weights,
                            ConvolutionChoices const& choices, Calibration const& calibration,
                            mpi::Communicator const* host);

// What every worker of a study reads: network, weights, images. Images are worked on in fixed batches: batch b holds
// the images from b · batch on. (A batch's size affects the last bits of what kernels compute.)
class Workplace {
  public:
    // weights: those of `network` (its input size and classes are the weights' own). batch >= 1.
    Workplace(kernels::PackedNetwork network, kernels::WeightsInfo weights, std::vector<DataSet> data,
              std::size_t batch);

    Network const& network() const { return packed_.network(); }
    kernels::WeightsInfo const& weights() const { return weights_; }
    DataSet const& data(std::size_t which) const { return data_.at(which); }
    std::size_t data_sets() const { return data_.size(); }
    std::size_t batch() const { return batch_; }
    std::size_t batches(std::size_t data) const { return (data_.at(data).size() + batch_ - 1) / batch_; }
    std::size_t images_of(std::size_t data, std::size_t batch) const;

    Tensor load(std::size_t data, std::size_t batch) const;
    kernels::NetworkKernels make_kernels() const;

  private:
    kernels::PackedNetwork packed_;
    kernels::WeightsInfo weights_;
    std::vector<DataSet> data_;
    std::size_t batch_;
};

// Takes one batch through all of a tree, depth first. Nothing when `stop` came true on the way.
std::optional<Predictions> classify(Network const& network, kernels::NetworkKernels& kernels, PrefixTree const& tree,
                                    Tensor const& images, std::atomic<bool> const& stop);

}  // namespace skipstone::study
