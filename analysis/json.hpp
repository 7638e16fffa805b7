#pragma once

#include <iosfwd>
#include <vector>

#include "analysis/summary.hpp"

namespace skipstone::analysis {

// One JSON object as summary.hpp describes it, numbers with all their digits.
void write_json(std::ostream& out, Analysis const& analysis);

// One trace: its object. Several: {"format": "skipstone-analysis-comparison", "version": 1, "traces": [an object each],
// "comparison": [{"figure": …, "values": […], "differences": […], "relative": […]}, …]} (comparison.hpp).
void write_json(std::ostream& out, std::vector<Analysis> const& analyses);

}  // namespace skipstone::analysis
