#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "planner/capacity.hpp"
#include "planner/choice.hpp"

namespace skipstone::planner {

// What a placement is to be good at: the request's own latency, or leaving no scraps that no block fits into.
enum class Seek { latency, room };
// How a request may use the fleet.
enum class Spread { anywhere, one_device };

// Finds devices for one request at a time within what is left, among given candidates. The search is a dynamic
// programme over (end of segment, device) that keeps one path per state, so it can miss a placement, and never leaves a
// device and comes back to it.
class Placer {
  public:
    // works: works_of() the choices; must outlive the placer.
    Placer(Instance const& instance, std::vector<Step> const& works, std::vector<DeviceId> candidates, Spread spread);

    struct Found {
        std::vector<DeviceId> devices;  // one per step
        double latency = 0;             // s
    };
    std::optional<Found> place(Choice const& choice, Capacity const& capacity, Seek seek) const;

  private:
    struct Label;

    Instance const* instance_;
    std::vector<DeviceId> candidates_;
    Spread spread_;
    std::size_t works_;
    std::vector<double> seconds_per_byte_;  // [candidates × candidates], infinite: unreachable
    std::vector<double> hop_latency_;       // likewise, s
    std::vector<double> from_source_;       // per candidate: s per byte; 0: there already
    std::vector<double> compute_;           // [candidates × works] expected, s
    std::vector<double> reserved_;          // likewise, of Eq. 17; empty: the same
};

}  // namespace skipstone::planner
