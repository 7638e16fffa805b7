#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/event.hpp"
#include "model/instance.hpp"
#include "model/scenario.hpp"
#include "trace/reader.hpp"

namespace skipstone::analysis {

// What the cost model (model/cost_model.hpp) said of the blocks and hops of a trace, before queues, losses and
// failures.
class Planned {
  public:
    // Needs the scenario that the trace was made with.
    Planned(trace::Reader const& trace, Scenario const& scenario, std::vector<Powers> const& powers);

    // Before the questions about a round.
    void begin_round(std::int32_t round);

    Seconds compute(BlockId block, BlockMode mode, DeviceId device) const;
    // A transfer's serialisation, and that with the link's latency. bytes: what moves when it is the image.
    Seconds serialisation(Event const& transmit) const;
    Seconds hop(Event const& transmit) const;
    // Computing, transmitting and receiving for a request: the rows of its plan, in the order of the blocks.
    Joules energy(std::span<trace::PlanRow const> plan) const;

  private:
    Seconds serialisation(std::int32_t block, Bytes image, DeviceId from, DeviceId to) const;

    trace::Reader const& trace_;
    Scenario scenario_;
    std::vector<Powers> powers_;
    Instance instance_;
};

}  // namespace skipstone::analysis
