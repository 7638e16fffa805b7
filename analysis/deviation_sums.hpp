#pragma once

#include <string>

#include "analysis/distribution.hpp"
#include "analysis/summary.hpp"

namespace skipstone::analysis {

// Planned against emulated values of one level ("request", "hop", "block") and quantity ("latency_s", "energy_j").
class DeviationSums {
  public:
    // Left out when one of them is not finite.
    void add(double planned, double emulated);
    Deviation figures(std::string level, std::string quantity) const;

  private:
    double planned_ = 0, emulated_ = 0;
    Distribution deviation_;
};

}  // namespace skipstone::analysis
