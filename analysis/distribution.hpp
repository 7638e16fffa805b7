#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace skipstone::analysis {

// Count, mean, largest and quantiles of any number of finite values in bounded memory: exact up to `exact_limit`
// values; beyond, values are counted in bins 1/512 of their power of two wide, and a quantile is within 0.1 % of the
// value of its nearest rank.
class Distribution {
  public:
    static constexpr std::size_t exact_limit = std::size_t(1) << 18;

    void add(double value);

    std::int64_t count() const { return count_; }
    double sum() const { return sum_; }
    double mean() const;  // NaN without values, as the others
    double max() const;
    double quantile(double q) const;

  private:
    static constexpr int bins_bits = 9;  // per power of two
    using Page = std::array<std::uint64_t, std::size_t(1) << bins_bits>;

    void add_to_bin(double value);

    std::int64_t count_ = 0;
    double sum_ = 0, min_ = 0, max_ = 0;
    std::vector<double> values_;                // while exact
    std::vector<std::unique_ptr<Page>> pages_;  // beyond: by sign and exponent, ascending
};

}  // namespace skipstone::analysis
