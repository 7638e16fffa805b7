#pragma once

#include <optional>

namespace skipstone::cli {

// Seconds since the system started this process, that is before its libraries were loaded; known to 1/100 s. Nothing
// where /proc does not say.
std::optional<double> process_age_s();

}  // namespace skipstone::cli
