#pragma once

#include <functional>
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

// Times of a block whose convolutions of one kernel (k x k) are computed by one algorithm, all others directly; kernel
// 0: all directly.
struct BlockTimes {
    BlockId block;
    int kernel;
    ConvolutionAlgorithm algorithm;
    Seconds median;
};

struct MeasuredChoices {
    ConvolutionChoices choices;      // what was faster than direct by 3 % and more, for each block and kernel
    std::vector<BlockTimes> blocks;  // of every block, by every algorithm that it has
};

// Runs the whole network again and again, by each algorithm in turn, and compares the times of its blocks: within a
// whole pass, because there each finds its weights far away. passes >= 1, of each algorithm. `progress` is
// called after every pass.
MeasuredChoices measure_choices(Network const& network, int passes, std::function<void()> const& progress);

}  // namespace skipstone::kernels
