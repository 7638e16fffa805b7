#pragma once

#include <cmath>
#include <cstddef>

#include "trace/reader.hpp"

namespace skipstone::cli {

// One finished round.
struct WatchedRound {
    trace::RoundRow row;
    int done = 0, rejected = 0, failed = 0;
    int left_early = 0;  // of the requests done, at an exit
    double latency_total_s = 0, accuracy_total = 0;  // of the requests done
    int dropped_blocks = 0;  // of the admitted, by their last plans
    long events = 0, overruns = 0;
    // Of the batteries, that with the smallest share of its capacity; infinite where all devices are on mains supply.
    double lowest_share = INFINITY, lowest_battery_j = INFINITY;
    std::size_t lowest_device = 0;
    int low_batteries = 0, empty_batteries = 0;
};

// Throws InputError for a trace whose ledger names a device that does not exist.
WatchedRound read_round(trace::Reader const& trace, RoundId round);

}  // namespace skipstone::cli
