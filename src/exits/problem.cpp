#include "exits/problem.hpp"

#include <algorithm>
#include <cmath>

#include "units/error.hpp"

namespace skipstone::exits {

namespace {

constexpr double rounding = 1e-9;  // relative, by which a capacity may be passed, as in violations()

bool holds(Limit const& limit, double used) {
    return used <= limit.rest + rounding * (std::abs(limit.rest) + used);
}

bool costs_no_more(OutcomeCosts const& a, OutcomeCosts const& b) {
    return std::ranges::equal(a.chain, b.chain, std::less_equal()) &&
           std::ranges::equal(a.heads, b.heads, std::less_equal());
}

}  // namespace

bool Lane::allows(std::vector<std::size_t> const& open) const {
    return std::ranges::all_of(limits, [&](Limit const& limit) {
        double used = 0;
        for (auto const outcome : open) used += limit.amount[outcome];
        return holds(limit, used);
    });
}

bool Lane::allows_everything() const {
    return std::ranges::all_of(limits, [](Limit const& limit) {
        double used = 0;
        for (double const amount : limit.amount) used += amount;
        return holds(limit, used);
    });
}

std::vector<Lane> worthwhile(std::vector<Lane> lanes) {
    std::erase_if(lanes, [](Lane const& lane) { return !lane.allows({}); });
    std::vector<bool> free, needless(lanes.size());
    for (auto const& lane : lanes) free.push_back(lane.allows_everything());
    for (std::size_t a = 0; a < lanes.size(); ++a)
        for (std::size_t b = 0; free[a] && !needless[a] && b < lanes.size(); ++b)
            if (a != b && !needless[b] && lanes[a].objective == lanes[b].objective &&
                costs_no_more(lanes[a].cost, lanes[b].cost))
                needless[b] = true;
    std::vector<Lane> kept;
    for (std::size_t a = 0; a < lanes.size(); ++a)
        if (!needless[a]) kept.push_back(std::move(lanes[a]));
    return kept;
}

OutcomeCosts mac_costs(ExitTable const& table) {
    OutcomeCosts costs;
    double heads = 0;
    for (std::size_t o = 0; o < table.outcomes(); ++o) {
        heads += table.head_macs[o];
        costs.chain.push_back(table.macs[o] - heads);
        costs.heads.push_back(table.head_macs[o]);
    }
    return costs;
}

double shortest_between(double below, double upto) {
    SKIPSTONE_EXPECT(below < upto);
    if (below < 0) return 0;
    double scale = 1;
    for (int digits = 0; digits < 17; ++digits, scale *= 10) {
        double const t = std::floor(upto * scale) / scale;
        if (t > below && t <= upto) return t;
    }
    return upto;
}

Grid quantile_grid(ExitTable const& table, std::size_t count, std::size_t most_exits) {
    SKIPSTONE_EXPECT(count > 0);
    Grid grid;
    grid.most_exits = most_exits;
    for (std::size_t exit = 0; exit + 1 < table.outcomes(); ++exit) {
        std::vector<double> confident;
        for (std::size_t s = 0; s < table.samples; ++s)
            if (auto const value = table.at(s, exit).confidence; value >= 0) confident.push_back(value);
        std::ranges::sort(confident);
        std::vector<double> thresholds;
        for (std::size_t q = 0; q < count && !confident.empty(); ++q) {
            // The first of the group; equal ones belong to one group.
            double const upto = confident[q * confident.size() / count];
            auto const first = std::ranges::lower_bound(confident, upto);
            thresholds.push_back(shortest_between(first == confident.begin() ? -1 : *(first - 1), upto));
        }
        auto const end = std::ranges::unique(thresholds);
        thresholds.erase(end.begin(), end.end());
        grid.thresholds.push_back(std::move(thresholds));
    }
    return grid;
}

double rule_sets(Grid const& grid) {
    // with[m]: sets of m rules.
    std::vector<double> with(grid.most_exits + 1, 0);
    with[0] = 1;
    for (auto const& thresholds : grid.thresholds)
        for (std::size_t m = with.size(); m-- > 1;)
            with[m] = std::min(1e18, with[m] + with[m - 1] * static_cast<double>(thresholds.size()));
    double sum = 0;
    for (double const sets : with) sum += sets;
    return std::min(1e18, sum);
}

}  // namespace skipstone::exits
