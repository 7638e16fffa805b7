#pragma once

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "model/convolution_choice.hpp"
#include "model/network.hpp"

// Which algorithm computes which convolution of a network.
namespace skipstone::kernels {

// By a rule that depends on the host's instruction set and on shapes alone, so that hosts of one kind compute the same
// bits. With AVX-512: what takes the least time on an ordinary core for one image, of the multiplications and of
// bringing the weights from memory once; without: direct.
ConvolutionChoices standard_choices(Network const& network);

// One algorithm for every convolution that it can compute on this host.
ConvolutionChoices uniform_choices(Network const& network, ConvolutionAlgorithm algorithm);

using KernelSize = std::pair<int, int>;  // of a convolution: height and width

// Median times of a block: by the standard choices, and with another algorithm for all its convolutions of one kernel,
// for every algorithm that changes something.
struct BlockTimes {
    Seconds standard;
    std::map<KernelSize, std::map<ConvolutionAlgorithm, Seconds>> others = {};
};

struct MeasuredChoices {
    ConvolutionChoices
        choices;  // the standard ones, but where others were faster by 3 % and more, for each block and kernel
    std::vector<BlockTimes> blocks;  // of every block
};

// Runs the whole network again and again, by each algorithm in turn, and compares the times of its blocks: within a
// whole pass, because there each finds its weights far away. passes >= 1, of each algorithm. `progress` is
// called after every pass.
MeasuredChoices measure_choices(Network const& network, int passes,
                                std::function<void(int done, int total)> const& progress);

}  // namespace skipstone::kernels
