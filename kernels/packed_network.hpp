#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "kernels/network_kernels.hpp"
#include "kernels/packed_weights.hpp"
#include "kernels/shared_memory.hpp"
#include "model/network.hpp"
#include "mpi/communicator.hpp"

namespace skipstone::kernels {

// Where a network's weights come from: a weights file, or else He-normal values from the seed.
struct WeightsOrigin {
    std::optional<std::string> file;
    std::uint64_t seed = 0;
    std::string sha256 = {};  // what the file's hash was when it was first looked at; empty: it is looked at now
};

// A network with its packed weights, which all processes of a host have in common: mapped from the cache
// (kernels/weights_cache.hpp), or packed, and put there for the next time. Move-only.
class PackedNetwork {
  public:
    // In one process. Throws InputError where the weights file is wrong, is another one than `origin` says, or changes
    // before all of it is packed: what is packed, and kept, is what was hashed.
    static PackedNetwork alone(Network const& network, PackLayout layout, WeightsOrigin const& origin);
    // Collective over the ranks of one host: each packs some of the blocks. Throws the same InputError on every rank
    // when one of them found the weights file wrong.
    static PackedNetwork among(mpi::Communicator const& host, Network const& network, PackLayout layout,
                               WeightsOrigin const& origin);

    Network const& network() const { return network_; }
    // Kernels over these weights, which must not outlive this object. One instance per thread. They read what parts of
    // blocks need of the weights where they came from.
    NetworkKernels make_kernels() const;

  private:
    PackedNetwork(Network const& network, PackLayout layout, WeightsOrigin origin, std::string identity,
                  SharedMemory memory)
        : network_(network),
          layout_(std::move(layout)),
          origin_(std::move(origin)),
          identity_(std::move(identity)),
          memory_(std::move(memory)) {}

    Network network_;
    PackLayout layout_;
    WeightsOrigin origin_;
    std::string identity_;  // of the weights file when it was hashed
    SharedMemory memory_;   // layout_.bytes(), or more
};

}  // namespace skipstone::kernels
