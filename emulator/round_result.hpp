#pragma once

#include <vector>

#include "emulator/course.hpp"

namespace skipstone::emulator {

// How a rank's clock relates to rank 0's: its reading minus ours, and how much that may be wrong.
struct ClockReading {
    int rank = 0;
    double offset_s = 0, uncertainty_s = 0;
};

// A round after it ran: course.events carry host times and flags.
struct RoundResult {
    RoundCourse course;
    double host_start_s = 0, host_end_s = 0;  // on rank 0's clock, since the run's start
    std::vector<int> predicted;               // class with the largest logit, per request; −1: none
    std::vector<ClockReading> clocks;         // wall clock only
    double kernel_s = 0;                      // host time inside kernels, all ranks
    double stalled_s = 0;                     // host time that rank 0 stood still
};

}  // namespace skipstone::emulator
