#include "planner/budget.hpp"

#include <algorithm>

namespace skipstone::planner {

Budget::Budget(double work, std::optional<double> seconds) : left_(work) {
    constexpr double longest = 1e9;  // s, that clocks can count
    if (seconds)
        deadline_ = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                                           std::chrono::duration<double>(std::min(*seconds, longest)));
}

Budget::Budget(Budget& whole, double work, std::optional<double> seconds) : Budget(work, seconds) {
    whole_ = &whole;
}

bool Budget::spent() const {
    return left() <= 0 || (deadline_ && std::chrono::steady_clock::now() >= *deadline_) || (whole_ && whole_->spent());
}

std::optional<double> Budget::seconds_left() const {
    auto left = whole_ ? whole_->seconds_left() : std::nullopt;
    if (!deadline_) return left;
    std::chrono::duration<double> const own = *deadline_ - std::chrono::steady_clock::now();
    return left ? std::min(*left, own.count()) : own.count();
}

}  // namespace skipstone::planner
