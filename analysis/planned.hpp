#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/exits.hpp"
#include "model/event.hpp"
#include "model/instance.hpp"
#include "model/network.hpp"
#include "model/plan.hpp"
#include "model/scenario.hpp"
#include "model/task_graph.hpp"
#include "trace/reader.hpp"

namespace skipstone::analysis {

// What the cost model (model/cost_model.hpp) said of the blocks and hops of a trace, before queues, losses and
// failures.
class Planned {
  public:
    // Needs the scenario that the trace was made with. network: of that scenario, for the costs of parts; null: not
    // known, and then nothing is of parts and of plans that have some.
    Planned(trace::Reader const& trace, Scenario const& scenario, Network const* network,
            std::vector<Powers> const& powers);

    // Before the questions about a round.
    void begin_round(std::int32_t round);

    // What a device computes at a time: a block, a part of one, or (part −1 of a block that is split) joining them; or
    // the head of an exit, whose block is its row of /blocks.
    struct Work {
        BlockId block;
        BlockMode mode = BlockMode::full;
        Split split = {};
        std::int16_t part = -1;
    };
    // NaN where it is not known.
    Seconds compute(Work const& work, DeviceId device) const;
    // A transfer's serialisation, and that with the link's latency.
    Seconds serialisation(Event const& transmit) const;
    Seconds hop(Event const& transmit) const;
    // Computing, transmitting and receiving for a request; where exits are open, what is expected by what their rules
    // promise. NaN where it is not known.
    Joules energy(RequestPlan const& plan) const;
    // The same plan without exits.
    WholeRequest whole(RequestPlan const& plan);
    // The share of such requests that is expected to leave at each exit, then at the end; empty: not known.
    std::vector<double> leaving(RequestPlan const& plan) const;

  private:
    bool knows(RequestPlan const& plan) const;
    Joules energy_of(TaskGraph const& graph, std::span<double const> reach) const;

    trace::Reader const& trace_;
    Scenario scenario_;
    std::vector<Powers> powers_;
    Instance instance_;
};

}  // namespace skipstone::analysis
