#include "analysis/distribution.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "units/error.hpp"
#include "units/quantile.hpp"

namespace skipstone::analysis {

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t sign_bit = std::uint64_t(1) << 63;

// Unsigned integers in the order of the doubles, and back.
std::uint64_t ordered(double value) {
    auto const bits = std::bit_cast<std::uint64_t>(value);
    return (bits & sign_bit) != 0 ? ~bits : bits | sign_bit;
}

double value_of(std::uint64_t order) {
    return std::bit_cast<double>((order & sign_bit) != 0 ? order & ~sign_bit : ~order);
}

}  // namespace

void Distribution::add(double value) {
    SKIPSTONE_EXPECT(std::isfinite(value));
    min_ = count_ == 0 ? value : std::min(min_, value);
    max_ = count_ == 0 ? value : std::max(max_, value);
    ++count_;
    sum_ += value;
    if (!pages_.empty()) return add_to_bin(value);
    values_.push_back(value);
    if (values_.size() <= exact_limit) return;
    pages_.resize(std::size_t(1) << 12);
    for (double const kept : values_) add_to_bin(kept);
    values_ = {};
}

void Distribution::add_to_bin(double value) {
    auto const bin = ordered(value == 0 ? 0.0 : value) >> (52 - bins_bits);
    auto& page = pages_[bin >> bins_bits];
    if (!page) page = std::make_unique<Page>();
    ++(*page)[bin & (page->size() - 1)];
}

double Distribution::mean() const {
    return count_ > 0 ? sum_ / static_cast<double>(count_) : nan_value;
}

double Distribution::max() const {
    return count_ > 0 ? max_ : nan_value;
}

double Distribution::quantile(double q) const {
    if (pages_.empty()) {
        auto values = values_;
        return skipstone::quantile(values, q);
    }
    auto left = static_cast<std::uint64_t>(std::llround(q * static_cast<double>(count_ - 1)));
    for (std::size_t p = 0; p < pages_.size(); ++p) {
        if (!pages_[p]) continue;
        for (std::size_t i = 0; i < pages_[p]->size(); ++i) {
            auto const in_bin = (*pages_[p])[i];
            if (left >= in_bin) {
                left -= in_bin;
                continue;
            }
            auto const first = ((p << bins_bits) + i) << (52 - bins_bits);
            auto const last = first + (std::uint64_t(1) << (52 - bins_bits)) - 1;
            double const middle = value_of(first) + (value_of(last) - value_of(first)) / 2;
            return std::clamp(middle, min_, max_);
        }
    }
    contract_failed("internal condition", "a bin holds every rank", __FILE__, __LINE__);
}

}  // namespace skipstone::analysis
