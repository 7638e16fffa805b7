#pragma once

#include "emulator/host_clock.hpp"
#include "kernels/shared_memory.hpp"
#include "mpi/communicator.hpp"

namespace skipstone::emulator {

// A bell for each rank, in memory that the ranks of a host share. MPI has no call that sleeps until a message comes, and
// ranks that look for messages all the time leave no core to each other where there are many: whoever sends rings the
// receiver's bell instead. Ranks of other hosts cannot be rung.
class Doorbells {
  public:
    // Collective over all ranks.
    explicit Doorbells(mpi::Communicator const& world);

    Bell& of(int rank) const;
    void ring(int rank) const;
    // Every other rank rings this one's.
    bool reach_all() const { return reach_all_; }
    int ranks_here() const { return ranks_here_; }  // of this host, this one included

  private:
    struct Slot;
    Doorbells(mpi::Communicator const& world, mpi::Communicator const& host);
    Slot& slot(int rank) const;

    kernels::SharedMemory memory_;  // a slot per rank of the world
    int ranks_here_;
    bool reach_all_ = true;
};

}  // namespace skipstone::emulator
