#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

#include "mpi/communicator.hpp"
#include "units/buffer.hpp"

namespace skipstone::exits {

// What one thread does of a job that is shared: a task's bytes in, its result's bytes out. The same task gives the same
// result, whichever thread of whichever rank does it.
class Hand {
  public:
    virtual ~Hand() = default;
    // stop: came true: the result is not needed any more.
    virtual Buffer work(Buffer task, std::atomic<bool> const& stop) = 0;
};
// Called on the thread that will use the hand.
using HandMaker = std::function<std::unique_ptr<Hand>()>;

// All hands of a job: the threads of rank 0 and, under a launcher, those of the other ranks, which serve(). Tasks are
// handed out as hands become free.
class Crew {
  public:
    // world: nullptr without a launcher, and for one rank. Must be made and used on rank 0 alone, by one thread. What
    // `make` refers to must outlive the crew. threads >= 1.
    Crew(HandMaker make, int threads, mpi::Communicator const* world);
    // The other ranks are told to end; what is not finished is abandoned.
    ~Crew();
    Crew(Crew const&) = delete;
    Crew& operator=(Crew const&) = delete;

    std::size_t hands() const;  // of all ranks
    // Has tasks 0 … count − 1 done: `task` gives their bytes when a hand is free for them, `take` gets each result as
    // it comes, in any order; both are called on this thread. False when `stop` came
    // true before all were done. Throws what a hand threw. After either, the crew is only to be destroyed.
    bool run(std::size_t count, std::function<Buffer(std::size_t)> const& task,
             std::function<void(std::size_t, Buffer)> const& take, std::atomic<bool> const& stop);

  private:
    class Threads;
    class Ranks;
    friend void serve(HandMaker make, int threads, mpi::Communicator const& world);

    std::unique_ptr<Threads> threads_;
    std::unique_ptr<Ranks> ranks_;
};

// The part of every rank but 0: works until rank 0's crew ends.
void serve(HandMaker make, int threads, mpi::Communicator const& world);

}  // namespace skipstone::exits
