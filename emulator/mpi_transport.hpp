#pragma once

#include <list>
#include <set>
#include <vector>

#include "emulator/doorbells.hpp"
#include "emulator/transport.hpp"
#include "mpi/communicator.hpp"

namespace skipstone::emulator {

// Ranks that are processes. The communicator and the bells must outlive it. Bytes that are still on their way when it goes are lost;
// drain() before, but for an abort.
class MpiTransport final : public Transport {
  public:
    MpiTransport(mpi::Communicator const& communicator, Doorbells const& bells)
        : communicator_(&communicator), bells_(&bells), sent_(static_cast<std::size_t>(communicator.size()), 0) {}

    int rank() const override { return communicator_->rank(); }
    int size() const override { return communicator_->size(); }
    void send(int to, Tag tag, Buffer payload) override;
    std::optional<Message> receive() override;
    bool busy() override;
    bool wakes() const override { return bells_->reach_all(); }
    // Collective: the ranks drop what comes, until all has left that any of them sent.
    void drain();

  private:
    struct Sending {
        int to = 0;
        Buffer payload;
        mpi::Request request;
    };

    void retire_sent();

    mpi::Communicator const* communicator_;
    Doorbells const* bells_;
    std::vector<long> sent_;  // messages, per receiver
    long received_ = 0;
    std::list<Sending> sending_;
    std::list<mpi::Communicator::Incoming> receiving_;  // in the order of arrival
};

}  // namespace skipstone::emulator
