#pragma once

#include <memory>

#include "emulator/node.hpp"
#include "emulator/shared_memory.hpp"
#include "kernels/packed_weights.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"
#include "mpi/communicator.hpp"

namespace skipstone::emulator {

// A network with its packed weights, which the ranks of a host have in common. Move-only.
class PackedNetwork {
  public:
    // In one process. Throws InputError where the weights file is wrong.
    static PackedNetwork alone(Scenario const& scenario, Network const& network);
    // Collective over the ranks of one host: each packs some of the blocks. Throws InputError on every rank when one of
    // them found the weights file wrong; its text is "?" on those that did not.
    static PackedNetwork among(mpi::Communicator const& host, Scenario const& scenario, Network const& network);

    // Kernels over these weights; they must not outlive this object. One executor per thread.
    std::unique_ptr<BlockExecutor> make_executor() const;

  private:
    PackedNetwork(Network network, kernels::PackLayout layout, SharedMemory memory)
        : network_(std::move(network)), layout_(std::move(layout)), memory_(std::move(memory)) {}

    Network network_;
    kernels::PackLayout layout_;
    SharedMemory memory_;
};

}  // namespace skipstone::emulator
