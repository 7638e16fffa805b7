#pragma once

#include <memory>

#include "emulator/executor.hpp"
#include "kernels/packed_network.hpp"

namespace skipstone::emulator {

// A node's arithmetic: the network's oneDNN kernels over packed weights, which must outlive it.
std::unique_ptr<BlockExecutor> make_kernel_executor(kernels::PackedNetwork const& packed);

}  // namespace skipstone::emulator
