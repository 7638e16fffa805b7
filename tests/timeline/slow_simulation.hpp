#pragma once

#include "timeline/timeline.hpp"

namespace skipstone::timeline::testing {

// The timeline's rules once more, as slowly and plainly as they read: at every instant look at everything.
RoundTimes slow_simulation(std::vector<Job> const& jobs, Conditions const& conditions);
// What is lost is in no particular order.
FaultyTimes slow_simulation(std::vector<Job> jobs, Conditions const& conditions, RoundFaults const& faults,
                            Recover const& recover);

}  // namespace skipstone::timeline::testing
