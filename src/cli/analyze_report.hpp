#pragma once

#include <string>
#include <vector>

#include "analysis/summary.hpp"

namespace skipstone::cli {

// An analysis as tables for the terminal; long ones are cut, and say so.
std::string analysis_text(analysis::Analysis const& analysis);

// Several side by side, with their differences from the first.
std::string comparison_text(std::vector<analysis::Analysis> const& analyses);

}  // namespace skipstone::cli
