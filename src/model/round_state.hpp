#pragma once

#include <cstdint>
#include <vector>

#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/scenario.hpp"

namespace skipstone {

// A request that waits to be planned.
struct PendingRequest {
    Seconds arrival{};       // emulated, since the run's start
    int attempt = 1;         // 2 and more after a rejection with on_reject = "retry"
    std::int64_t image = 0;  // number of the request within the run, which selects its image
};

// What is known when a round is planned.
struct RoundState {
    RoundId round;
    Seconds start{};
    std::vector<Joules> battery;  // remaining, per device
    LinkTable links;
    std::vector<PendingRequest> requests;  // retried ones first, then by arrival
};

// New requests of a round: R ~ Poisson(rate), or exactly count; all at `start`, as a Poisson process over the period,
// or one every interval from `start` on. Streams: "arrivals". first_image: requests drawn in the run so far.
std::vector<PendingRequest> draw_requests(Scenario const& scenario, RoundId round, Seconds start,
                                          std::int64_t first_image);

// What requests may do, and what is known to come of it: what the rules of open exits promise, or else what the
// accuracy table has. Throws as drop_options() does.
std::vector<DropOption> known_options(Scenario const& scenario, Network const& network);

// The planning problem of a round. options: known_options(). idle_reserve: joules per device that are kept back. A
// device whose battery is empty, or kept back whole, is off.
Instance make_instance(Scenario const& scenario, Network const& network, std::vector<DropOption> const& options,
                       RoundState const& state, std::vector<Joules> const& idle_reserve);

// The same from the instance of any other round of the scenario: what rounds have in common is taken over, not made
// anew.
Instance next_instance(Instance instance, Scenario const& scenario, RoundState const& state,
                       std::vector<Joules> const& idle_reserve);

// T_ref of a scenario's objective.
Seconds reference_latency(Scenario const& scenario, Network const& network);

}  // namespace skipstone
