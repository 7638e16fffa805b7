#pragma once

#include <cstdint>
#include <limits>

namespace skipstone {

enum class EventKind : std::uint8_t { compute = 1, transmit = 2, receive = 3, wait = 4 };

namespace event_flags {
inline constexpr std::uint8_t overrun = 1, retransmitted = 2, failed = 4;
}

// A row of /events. −1 and NaN stand for none.
struct Event {
    std::int32_t device = -1, peer = -1, round = -1, request = -1, block = -1;
    EventKind kind = EventKind::compute;
    std::uint8_t flags = 0;
    std::int16_t part = -1;         // of a block that is split; of a transfer: whose output moves
    double begin_s = 0, end_s = 0;  // emulated seconds since the run's start
    double host_begin_s = std::numeric_limits<double>::quiet_NaN();  // seconds on rank 0's clock since the run's start
    double host_end_s = std::numeric_limits<double>::quiet_NaN();
    std::int64_t bytes = 0, macs = 0;
};

// Lateness of a compute or transfer event: above 0.01 it is an overrun.
inline double lateness(Event const& event, double round_start_s, double round_host_start_s, double dilation) {
    double const length = event.end_s - event.begin_s;
    return ((event.host_end_s - round_host_start_s) / dilation - (event.end_s - round_start_s)) /
           (length > 0.010 ? length : 0.010);
}
inline constexpr double overrun_lateness = 0.01;

}  // namespace skipstone
