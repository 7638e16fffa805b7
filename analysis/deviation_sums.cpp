#include "analysis/deviation_sums.hpp"

#include <cmath>
#include <utility>

#include "analysis/ratio.hpp"

namespace skipstone::analysis {

void DeviationSums::add(double planned, double emulated) {
    if (!std::isfinite(planned) || !std::isfinite(emulated)) return;
    planned_ += planned;
    emulated_ += emulated;
    deviation_.add(emulated - planned);
}

Deviation DeviationSums::figures(std::string level, std::string quantity) const {
    Deviation row{.level = std::move(level), .quantity = std::move(quantity), .count = deviation_.count()};
    row.planned_mean = ratio(planned_, row.count);
    row.emulated_mean = ratio(emulated_, row.count);
    row.bias = deviation_.mean();
    row.relative_bias = ratio(row.bias, row.planned_mean);
    row.p50 = deviation_.quantile(0.5);
    row.p99 = deviation_.quantile(0.99);
    row.max = deviation_.max();
    return row;
}

}  // namespace skipstone::analysis
