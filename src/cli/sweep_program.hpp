#pragma once

#include <string>

#include "cli/commands.hpp"
#include "sweep/runner.hpp"

namespace skipstone::cli {

// How points with the wall clock are started.
struct WallStart {
    std::string launcher;  // as in launch_words
    std::string program;   // what starts this program in every rank: words, or one file; empty: its executable
};

// What a sweep's points need of this program. threads: of each point that computes kernels.
sweep::Program sweep_program(Invocation const& invocation, WallStart const& start, int threads);

}  // namespace skipstone::cli
