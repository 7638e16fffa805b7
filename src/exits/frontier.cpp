#include "exits/frontier.hpp"

#include <algorithm>
#include <tuple>

#include "units/error.hpp"

namespace skipstone::exits {

namespace {

bool comes_first(Candidate const& a, Candidate const& b) {
    auto const by_exit = [](TableRule const& x, TableRule const& y) { return x.outcome < y.outcome; };
    if (std::ranges::lexicographical_compare(a.rules, b.rules, by_exit)) return true;
    if (std::ranges::lexicographical_compare(b.rules, a.rules, by_exit)) return false;
    if (a.way != b.way) return a.way < b.way;
    return std::ranges::lexicographical_compare(a.rules, b.rules, std::less(), &TableRule::threshold,
                                                &TableRule::threshold);
}

}  // namespace

void Frontier::merge(Frontier const& other) {
    SKIPSTONE_EXPECT(best_.size() == other.best_.size());
    for (std::size_t right = 0; right < best_.size(); ++right) {
        auto const& theirs = other.best_[right];
        auto& ours = best_[right];
        if (theirs.cost < ours.cost || (theirs.is_there() && theirs.cost == ours.cost && comes_first(theirs, ours)))
            ours = theirs;
    }
}

Candidate const* Frontier::cheapest(std::size_t right) const {
    Candidate const* found = nullptr;
    for (std::size_t r = std::min(right, best_.size()); r < best_.size(); ++r)
        if (best_[r].is_there() && (!found || best_[r].cost < found->cost)) found = &best_[r];
    return found;
}

std::vector<std::size_t> Frontier::front() const {
    std::vector<std::size_t> numbers;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t right = best_.size(); right-- > 0;)
        if (best_[right].cost < least) {
            least = best_[right].cost;
            numbers.push_back(right);
        }
    std::ranges::reverse(numbers);
    return numbers;
}

}  // namespace skipstone::exits
