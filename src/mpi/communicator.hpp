#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mpi/janitor.hpp"
#include "units/buffer.hpp"

// Thin RAII over MPI: every return is checked (EnvironmentError with the call and MPI's message), nothing is global but
// what MPI itself keeps.
namespace skipstone::mpi {

// True when a launcher (mpirun, srun --mpi=pmix, MPICH's hydra) started this process. Does not touch MPI.
bool launched();

// This process' number among those that the same launcher started, also one that is no MPI launcher (srun --mpi=none);
// 0 where there is none. Does not touch MPI.
int launched_rank();

// What is wrong where a launcher started several processes that know nothing of each other (srun --mpi=none -n 4, and
// the like). Does not touch MPI.
std::optional<std::string> strangers();

// MPI_Init_thread (funneled) … MPI_Finalize. One per process. When it goes away during stack unwinding it aborts the
// job instead, because the other ranks would wait for ever. Throws EnvironmentError under a launcher of another
// library.
class Environment {
  public:
    Environment();
    ~Environment();
    Environment(Environment const&) = delete;
    Environment& operator=(Environment const&) = delete;

  private:
    Janitor janitor_;
};

class Request;

// A communicator of our own, duplicated from MPI_COMM_WORLD once. Handles of pending operations must not outlive it.
// Move-only.
class Communicator {
  public:
    // Collective over all ranks.
    static Communicator duplicate_world();
    // The ranks that share memory with this one (one host). Collective.
    Communicator split_by_host() const;

    Communicator(Communicator&&) noexcept;
    Communicator& operator=(Communicator&&) noexcept;
    ~Communicator();

    int rank() const { return rank_; }
    int size() const { return size_; }

    // Starts to send; the bytes must stay until the request is done.
    Request send(int to, int tag, std::span<std::byte const> bytes) const;
    // A message that has arrived, any sender, any tag; its bytes are being received into `buffer`.
    struct Incoming;
    std::optional<Incoming> probe() const;

    // Starts to add up what all ranks give for each rank; collective. given: one number per rank.
    struct Tally;
    Tally begin_tally(std::vector<long> given) const;
    // Collective; all poll with sleeps instead of spinning.
    void barrier() const;
    std::vector<std::byte> broadcast(int root, std::vector<std::byte> bytes) const;
    std::string broadcast(int root, std::string const& text) const;
    std::vector<std::string> gather(int root, std::string const& text) const;  // empty on the others
    bool all(bool mine) const;                                                 // logical and

    [[noreturn]] void abort(int status) const;

  private:
    struct Handle;
    explicit Communicator(std::unique_ptr<Handle> handle);
    std::unique_ptr<Handle> handle_;
    int rank_ = 0, size_ = 1;
};

// A pending operation. Move-only; an operation that is still pending when its request goes away is cancelled and freed.
class Request {
  public:
    Request(Request&&) noexcept;
    Request& operator=(Request&&) noexcept;
    ~Request();
    bool done();  // tests; once true, stays true

  private:
    friend class Communicator;
    struct Handle;
    explicit Request(std::unique_ptr<Handle> handle);
    std::unique_ptr<Handle> handle_;
};

struct Communicator::Tally {
    std::unique_ptr<std::vector<long>> given;
    std::unique_ptr<long> mine;  // the sum of what was given for this rank, once the request is done
    Request request;
};

struct Communicator::Incoming {
    int from = 0;
    int tag = 0;
    Buffer buffer;
    Request request;
};

std::string host_name();        // needs no MPI
std::string library_version();  // e.g. "Open MPI v4.1.4"

// The words that start `ranks` ranks of a program that stands behind them: the launcher of this MPI library, told to
// start more than there are cores. Needs no MPI.
std::string launch_line(std::string_view ranks);

}  // namespace skipstone::mpi
