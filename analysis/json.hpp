#pragma once

#include <iosfwd>

#include "analysis/summary.hpp"

namespace skipstone::analysis {

// One JSON object, as summary.hpp describes it; numbers with all their digits.
void write_json(std::ostream& out, Analysis const& analysis);

}  // namespace skipstone::analysis
