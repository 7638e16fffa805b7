#pragma once

#include <string>
#include <vector>

#include "analysis/summary.hpp"

namespace skipstone::analysis {

// One figure of several traces, side by side. Differences are from the first trace, which has 0.
struct ComparedFigure {
    std::string figure;               // a name of summary_row
    std::vector<double> values;       // per trace
    std::vector<double> differences;  // value − first
    std::vector<double> relative;     // difference / |first|; none where the first is 0
};

std::vector<ComparedFigure> compare(std::vector<Analysis> const& analyses);

}  // namespace skipstone::analysis
