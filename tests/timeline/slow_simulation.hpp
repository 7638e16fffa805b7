#pragma once

#include "timeline/timeline.hpp"

namespace skipstone::timeline::testing {

// The timeline's rules once more, as slowly and plainly as they read: at every instant look at everything.
RoundTimes slow_simulation(std::vector<Job> const& jobs, Conditions const& conditions);

}  // namespace skipstone::timeline::testing
