#pragma once

#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"
#include "planner/budget.hpp"

namespace skipstone::planner {

// Requests per second that no schedule can pass in the long run, however it mixes drop sets (of accuracy at the
// threshold or above), devices and splits from one request to the next: no processor, link or radio is busy more than
// all the time, and devices hold, on average over the requests, weights that fit beside the smallest of their tasks.
// Batteries do not count, nor how long requests wait.
struct ThroughputBound {
    double throughput = 0;              // infinite: nothing takes time
    std::vector<ResourcePrice> prices;  // the highest first, without those that are 0
};
// Valid whenever the budget ends it. None: no request can run at all, or nothing was proven.
std::optional<ThroughputBound> throughput_bound(Instance const& instance, Medium medium, Budget& budget);

// The devices of a fleet by kind. Of two devices of a kind every processor, link and radio is as good as the other's.
struct Kinds {
    std::vector<std::size_t> kind;               // per device; of one that is off: none
    std::vector<std::vector<DeviceId>> members;  // per kind
    bool links_differ = false;                   // … but for links that differ, or are too many to look at
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
};
Kinds kinds_of(Instance const& instance);

}  // namespace skipstone::planner
