#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/split.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

// optimal: gap <= 1e-6 and admission proven; infeasible: it is proven that not one request fits; unknown: no request is
// admitted, and it is not proven that none fits.
enum class PlanStatus { optimal, feasible, infeasible, unknown };
// What keeps the rejected requests out; outage: a device or link that is down; unknown: there may be room for more.
enum class Binding { none, memory, compute, energy, accuracy, link, outage, unknown };

// A block that several devices compute together.
struct SplitBlock {
    BlockId block;
    Split split;                  // not whole
    std::vector<DeviceId> parts;  // who computes each of them

    bool operator==(SplitBlock const&) const = default;
};

struct RequestPlan {
    bool admitted = false;
    std::vector<BlockId> dropped;  // ascending
    double accuracy = 0;           // g(y_r); NaN where the instance knows none
    Seconds latency{};             // of the cost model: no queueing; where exits are open, the expected one
    // One per block: who computes it, or joins its parts. None: vanished (or not admitted: empty).
    std::vector<DeviceId> devices;
    std::vector<SplitBlock> splits = {};  // ascending by block; blocks that are not here are computed whole
};

// What one more unit of a resource would add to a throughput bound: its price in the linear program's dual solution.
struct ResourcePrice {
    enum class Resource { processor = 1, link, radio, memory } resource = Resource::processor;
    DeviceId device, peer;  // peer: a link's receiver
    // Requests per second: for a processor, link or radio if it were twice as fast (to first order), for memory per
    // byte.
    double price = 0;
};

// What a planner answers.
struct PlanResult {
    std::string planner;
    PlanStatus status = PlanStatus::unknown;
    std::optional<double> objective, bound, gap;  // of the admitted requests; none when none is admitted
    double seconds = 0;                           // host time that planning took
    int requested = 0, admitted = 0, admitted_bound = 0;
    Binding binding = Binding::none;
    Seconds mean_latency{};
    double mean_accuracy = 0;
    Bytes shared{};
    // Goal::throughput: requests per second in the steady state, by the cost model, and what no schedule can pass.
    std::optional<double> throughput, throughput_bound;
    std::vector<ResourcePrice> prices;  // of the throughput bound, the highest first; those that are 0 left out
    std::vector<Joules> energy;         // per device
    std::vector<RequestPlan> requests;  // one per request of the instance
};

std::string_view to_string(PlanStatus status);
std::string_view to_string(Binding binding);  // "" for none

}  // namespace skipstone
