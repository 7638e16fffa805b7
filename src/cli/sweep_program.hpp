#pragma once

#include <string>

#include "cli/commands.hpp"
#include "sweep/runner.hpp"

namespace skipstone::cli {

// What a sweep's points need of this program. launcher: as in launch_words, for points with the wall clock. threads: of
// each point that computes kernels.
sweep::Program sweep_program(Invocation const& invocation, std::string const& launcher, int threads);

}  // namespace skipstone::cli
