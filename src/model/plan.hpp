#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

enum class PlanStatus { optimal, feasible, infeasible };  // "optimal": gap <= 1e-6 and admission proven
// What keeps the rejected requests out; outage: a device or link that is down.
enum class Binding { none, memory, compute, energy, accuracy, link, outage };

struct RequestPlan {
    bool admitted = false;
    std::vector<BlockId> dropped;   // ascending
    double accuracy = 0;            // g(y_r); NaN where the instance knows none
    Seconds latency{};              // of the cost model: no queueing
    std::vector<DeviceId> devices;  // one per block; none: vanished (or not admitted: empty)
};

// What a planner answers.
struct PlanResult {
    std::string planner;
    PlanStatus status = PlanStatus::infeasible;
    std::optional<double> objective, bound, gap;  // of the admitted requests; none when none is admitted
    double seconds = 0;                           // host time that planning took
    int requested = 0, admitted = 0, admitted_bound = 0;
    Binding binding = Binding::none;
    Seconds mean_latency{};
    double mean_accuracy = 0;
    Bytes shared{};
    std::vector<Joules> energy;         // per device
    std::vector<RequestPlan> requests;  // one per request of the instance
};

std::string_view to_string(PlanStatus status);
std::string_view to_string(Binding binding);  // "" for none

}  // namespace skipstone
