#pragma once

#include <list>
#include <set>
#include <vector>

#include "emulator/transport.hpp"
#include "mpi/communicator.hpp"

namespace skipstone::emulator {

// Ranks that are processes. The communicator must outlive it. Bytes that are still on their way when it goes are lost;
// drain() before, but for an abort.
class MpiTransport final : public Transport {
  public:
    explicit MpiTransport(mpi::Communicator const& communicator)
        : communicator_(&communicator), sent_(static_cast<std::size_t>(communicator.size()), 0) {}

    int rank() const override { return communicator_->rank(); }
    int size() const override { return communicator_->size(); }
    void send(int to, Tag tag, Buffer payload) override;
    std::optional<Message> receive() override;
    bool busy() override;
    bool wakes() const override { return false; }
    // Collective: the ranks drop what comes, until all has left that any of them sent.
    void drain();

  private:
    struct Sending {
        Buffer payload;
        mpi::Request request;
    };

    void retire_sent();

    mpi::Communicator const* communicator_;
    std::vector<long> sent_;  // messages, per receiver
    long received_ = 0;
    std::list<Sending> sending_;
    std::list<mpi::Communicator::Incoming> receiving_;  // in the order of arrival
};

}  // namespace skipstone::emulator
