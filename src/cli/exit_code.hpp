#pragma once

namespace skipstone::cli {

enum ExitCode : int { done = 0, failed = 1, bad_input = 2, infeasible = 3, not_faithful = 4, interrupted = 128 };

}  // namespace skipstone::cli
