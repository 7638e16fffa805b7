#pragma once

#include <filesystem>
#include <string>

#include "sweep/points.hpp"

namespace skipstone::sweep {

// The digest of a trace that is complete, right (trace::check), and of this scenario and these weights. Throws
// EnvironmentError that says why it is none.
std::string verified_digest(std::filesystem::path const& trace, Resolved const& point);

}  // namespace skipstone::sweep
