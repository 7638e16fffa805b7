#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/event.hpp"
#include "trace/schema.hpp"

namespace skipstone::analysis {

// How long one device was in each state.
struct StateSeconds {
    // What costs energy: lengths of events, of which several may be on air at a time, and the time with none of them.
    double compute = 0, transmit = 0, receive = 0, rest = 0;
    // The processor's tiling, with compute.
    double wait = 0, processor_idle = 0, processor_off = 0;
    // The radio's tiling.
    double radio_transmit = 0, radio_receive = 0, radio_idle = 0, radio_off = 0;
};

// Measures what one device does, round after round, from its events in the order of their begin.
class DeviceTime {
  public:
    // outages: those of the device itself, in any order.
    explicit DeviceTime(std::vector<trace::OutageRow> const& outages);

    void begin_round(double start_s);
    void add(Event const& event);
    // The round that began last, until its end.
    StateSeconds end_round(double end_s);

  private:
    struct Interval {
        double begin = 0, end = 0;
    };
    // Where the time until which something covers the device stands.
    struct Sweep {
        double until = 0;
        double busy = 0, idle = 0, off = 0;
    };

    void cover(Sweep& sweep, double begin, double end) const;
    double off_in(double begin, double end) const;

    std::vector<Interval> off_;  // disjoint, ascending
    StateSeconds seconds_;
    Sweep processor_, transmitting_, on_air_, active_;
};

}  // namespace skipstone::analysis
