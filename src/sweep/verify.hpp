#pragma once

#include <filesystem>
#include <string>

namespace skipstone::sweep {

// The digest of a trace that is complete, right (trace::check) and of this scenario (config::scenario_text). Throws
// EnvironmentError that says why it is none.
std::string verified_digest(std::filesystem::path const& trace, std::string const& scenario);

}  // namespace skipstone::sweep
