#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

#include "inputs/input_source.hpp"
#include "kernels/packed_network.hpp"
#include "model/tensor.hpp"

namespace skipstone::study {

struct InferencePlan {
    std::size_t count = 1;  // of inputs, the first ones of their source
    std::size_t batch = 1;  // how many go through the network together
    int threads = 1;
};

// Runs the whole network on inputs, batch by batch, on threads with kernels of their own. Each batch's outputs
// [inputs, H, W, C], float32, go to `take` on the calling thread, in the order of the inputs; `first` is the batch's
// first one. False when `stop` came true before all were done. Throws what a thread threw (InputError for a damaged
// input), and what `take` throws. (A batch's size affects the last bits of what kernels compute; threads do not.)
bool infer(kernels::PackedNetwork const& network, inputs::InputSource const& source, InferencePlan const& plan,
           std::function<void(std::size_t first, Tensor const& outputs)> const& take, std::atomic<bool> const& stop);

}  // namespace skipstone::study
