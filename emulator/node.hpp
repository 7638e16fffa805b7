#pragma once

#include <cstddef>
#include <memory>

#include "emulator/executor.hpp"
#include "emulator/host_clock.hpp"
#include "emulator/outbox.hpp"
#include "emulator/pace.hpp"
#include "emulator/processor.hpp"
#include "emulator/radio.hpp"
#include "emulator/transport.hpp"
#include "emulator/workbench.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// One rank that hosts devices: under the wall clock one device, under the virtual clock any number. Two threads: the
// caller of serve() is the radio, which alone uses the transport; the processor runs kernels. Between them lie the
// workbench, with the tensors and works, and the outbox.
class Node {
  public:
    // executor: none with kernels off. clock and waker are this rank's; the transport wakes the waker where it can.
    // ranks_per_core: of this host; the more they are, the less each may spin or poll.
    Node(Transport& transport, HostClock const& clock, Waker& waker, std::unique_ptr<BlockExecutor> executor,
         std::size_t blocks, ClockKind kind, double ranks_per_core = 1)
        : pace_(make_pace(kind, ranks_per_core)),
          outbox_(waker),
          processor_(clock, *pace_, bench_, outbox_, std::move(executor), blocks),
          radio_(transport, clock, waker, *pace_, bench_, outbox_, processor_) {}

    // Serves rounds until the coordinator says stop. An exception of the processor's is rethrown here.
    void serve() { radio_.serve(); }
    // The round in work, for messages about failures; −1 before the first.
    int round() const { return radio_.round(); }

  private:
    std::unique_ptr<Pace> pace_;
    Workbench bench_;
    Outbox outbox_;
    Processor processor_;
    Radio radio_;
};

}  // namespace skipstone::emulator
