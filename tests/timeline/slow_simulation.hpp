#pragma once

#include <functional>

#include "timeline/timeline.hpp"

namespace skipstone::timeline::testing {

// The timeline's rules once more, as slowly and plainly as they read: at every instant look at everything.
RoundTimes slow_simulation(std::vector<Job> const& jobs, Conditions const& conditions);
// Whether a request leaves at the head of an exit, asked when that has ended: then nothing behind it runs. The times of
// what did not run are 0.
using Leaves = std::function<bool(Job const& job, TaskId head)>;
RoundTimes slow_simulation(std::vector<Job> const& jobs, Conditions const& conditions, Leaves const& leaves);
// What is lost is in no particular order.
FaultyTimes slow_simulation(std::vector<Job> jobs, Conditions const& conditions, RoundFaults const& faults,
                            Recover const& recover, Leaves const& leaves = {});

}  // namespace skipstone::timeline::testing
