#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "model/event.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"
#include "units/id.hpp"

namespace skipstone {

// A request's way through a round, in seconds; begin: of its first event.
struct Passage {
    double arrival_s = 0, begin_s = 0, finish_s = 0;
};

// What is counted of a round whose requests come as a stream. Its steady state begins when all are done that began
// before the first was done: these filled the devices, and may finish close together. It ends when the last request
// begins, after which devices run dry.
struct SteadyState {
    std::vector<double> intervals_s;  // from each finish to the next, in their order
    std::vector<double> latencies_s;  // of the requests that finish there, the first left out
};
SteadyState steady_state(std::vector<Passage> passages);

std::string_view to_string(ResourcePrice::Resource resource);  // "processor", "link", "radio", "memory"

// For how long a run's events keep processors, links or radios busy.
class StreamLoad {
  public:
    struct Busy {
        ResourcePrice::Resource resource;
        DeviceId device, peer;  // peer: a link's receiver
        double seconds = 0;
    };

    // medium: whether a device's transfers take turns (Medium::radio), or each link has its own.
    explicit StreamLoad(Medium medium) : medium_(medium) {}

    void add(Event const& event);
    // Those that are used at all, the busiest first.
    std::vector<Busy> busiest() const;

  private:
    Medium medium_;
    std::map<std::pair<std::int32_t, std::int32_t>, double> links_;  // by device, peer
    std::map<std::int32_t, double> processors_, radios_;
};

}  // namespace skipstone
