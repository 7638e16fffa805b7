#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mpi/communicator.hpp"
#include "study/workers.hpp"

namespace skipstone::study {

// All workers of a study: the threads of rank 0 and, under a launcher, those of the other ranks, which serve().
// Batches are handed out as workers become free; results do not depend on who got which.
class Team {
  public:
    // world: nullptr without a launcher, and for one rank. Must be made and used on rank 0 alone, by one thread.
    Team(Workplace const& workplace, int threads, mpi::Communicator const* world);
    // The other ranks are told to end.
    ~Team();
    Team(Team const&) = delete;
    Team& operator=(Team const&) = delete;

    std::size_t workers() const;  // of all ranks
    // Has these batches classified, and gives each result to `take` as it comes, in any order. False when `stop` came
    // true before all were done. Throws what a worker threw. After either, the team is only to be destroyed.
    bool classify(std::shared_ptr<Pass const> const& pass, std::vector<std::size_t> const& batches,
                  std::function<void(BatchResult&&)> const& take, std::atomic<bool> const& stop);

  private:
    class Ranks;

    std::unique_ptr<Workers> workers_;
    std::unique_ptr<Ranks> ranks_;
};

// The part of every rank but 0: works until rank 0's Team ends. Passes are made over this rank's own workplace.
void serve(Workplace const& workplace, int threads, mpi::Communicator const& world);

}  // namespace skipstone::study
