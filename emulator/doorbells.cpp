#include "emulator/doorbells.hpp"

#include <cstddef>

namespace skipstone::emulator {

struct alignas(64) Doorbells::Slot {  // zeroed memory is an empty slot
    Bell bell;
    std::atomic<std::uint32_t> present;
};

Doorbells::Doorbells(mpi::Communicator const& world) : Doorbells(world, world.split_by_host()) {}

Doorbells::Doorbells(mpi::Communicator const& world, mpi::Communicator const& host)
    : memory_(kernels::SharedMemory::among(host, sizeof(Slot) * static_cast<std::size_t>(world.size()))),
      ranks_here_(host.size()) {
    slot(world.rank()).present = 1;
    host.barrier();
    for (int rank = 0; rank < world.size(); ++rank) reach_all_ &= slot(rank).present != 0;
}

Doorbells::Slot& Doorbells::slot(int rank) const {
    return reinterpret_cast<Slot*>(memory_.bytes().data())[rank];
}

Bell& Doorbells::of(int rank) const {
    return slot(rank).bell;
}

void Doorbells::ring(int rank) const {
    if (slot(rank).present != 0) emulator::ring(slot(rank).bell);
}

}  // namespace skipstone::emulator
