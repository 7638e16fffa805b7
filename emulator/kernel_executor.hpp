#pragma once

#include <memory>
#include <span>

#include "emulator/node.hpp"
#include "kernels/network_kernels.hpp"
#include "kernels/packed_weights.hpp"

namespace skipstone::emulator {

// A node's arithmetic: the network's oneDNN kernels over packed weights, which must outlive it.
std::unique_ptr<BlockExecutor> make_kernel_executor(Network const& network, kernels::PackLayout const& layout,
                                                    std::span<std::byte const> packed);

}  // namespace skipstone::emulator
