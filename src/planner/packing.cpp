#include "planner/packing.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include "planner/master.hpp"

namespace skipstone::planner {

namespace {

struct Item {
    std::int64_t load;
    double demand;
    double value = 0;  // of one of them
};

// Whole numbers of items within a limit that are worth the most.
class Packer {
  public:
    explicit Packer(std::vector<Item> const& items) : items_(items), now_(items.size(), 0), best_(items.size(), 0) {
        for (std::size_t k = 0; k < items.size(); ++k)
            if (items[k].value > 1e-9) order_.push_back(k);
        std::ranges::stable_sort(order_, [&](std::size_t a, std::size_t b) { return density(a) > density(b); });
    }

    // How many of each; not for certain the best when there are very many ways.
    std::vector<int> const& fill(std::int64_t limit) {
        extend(0, limit, 0);
        return best_;
    }
    double value() const { return most_; }
    int looks() const { return most_looks - left_; }

  private:
    static constexpr int most_looks = 20000;

    double density(std::size_t item) const { return items_[item].value / static_cast<double>(items_[item].load); }

    void extend(std::size_t next, std::int64_t room, double sum) {
        if (sum > most_) {
            most_ = sum;
            best_ = now_;
        }
        for (std::size_t o = next; o < order_.size() && --left_ > 0; ++o) {
            auto const k = order_[o];
            if (sum + density(k) * static_cast<double>(room) <= most_) return;
            if (items_[k].load > room) continue;
            ++now_[k];
            extend(o, room - items_[k].load, sum + items_[k].value);
            --now_[k];
        }
    }

    std::vector<Item> const& items_;
    std::vector<std::size_t> order_;  // the most valuable for their load first
    std::vector<int> now_, best_;
    double most_ = 0;
    int left_ = most_looks;
};

// The most that items are worth that fit into a load is superadditive in the load, so what it gives to loads that
// together fit adds up to at most what it gives to the limit, whatever the values are. Doubled, so that a load above
// half the limit can count all but what fits beside it, and half the limit a half.
std::optional<PackingRule> superadditive(std::size_t device, Load load, std::int64_t limit,
                                         std::vector<Item> const& items) {
    constexpr double grain = 1e5;  // of values
    constexpr std::size_t most_points = 5000;
    std::map<std::int64_t, std::int64_t> points{{0, 0}};  // the most that fits into a load, where it rises
    for (auto const& item : items) {
        auto const value = static_cast<std::int64_t>(item.value * grain);
        if (value == 0) continue;
        for (auto p = points.begin(); p != points.end(); ++p) {
            auto const sum = p->first + item.load;
            auto const worth = p->second + value;
            if (sum > limit) break;
            auto at = std::prev(points.upper_bound(sum));
            if (at->second >= worth) continue;
            at = points.insert_or_assign(sum, worth).first;
            for (++at; at != points.end() && at->second <= worth;) at = points.erase(at);
            if (points.size() > most_points) return std::nullopt;
        }
    }
    auto const all = points.rbegin()->second;
    if (all == 0) return std::nullopt;
    PackingRule rule{device, load, {}, 2 * all};
    for (auto const& [sum, worth] : points)
        if (2 * sum < limit && sum > 0) rule.steps.emplace_back(sum, 2 * worth);
    if (limit % 2 == 0) rule.steps.emplace_back(limit / 2, all);
    for (auto p = points.rbegin(); p != points.rend(); ++p) {
        if (2 * p->first >= limit) continue;
        auto const from = p == points.rbegin() ? 0 : limit - std::prev(p)->first + 1;
        rule.steps.emplace_back(std::max(from, limit / 2 + 1), 2 * (all - p->second));
    }
    return rule;
}

}  // namespace

std::int64_t PackingRule::count(std::int64_t part) const {
    auto const above = std::ranges::upper_bound(steps, part, {}, &std::pair<std::int64_t, std::int64_t>::first);
    return above == steps.begin() ? 0 : std::prev(above)->second;
}

FoundRule find_packing_rule(std::map<std::int64_t, double> const& demand, std::size_t device, Load load,
                            std::int64_t limit) {
    constexpr std::int64_t smallest = 16;  // shares of the limit
    constexpr double worth = 1e-3;         // passing it by
    constexpr int most_rounds = 100;
    FoundRule found;
    double use = 0;
    std::vector<Item> items;
    for (auto const& [part, amount] : demand) {
        use += amount * static_cast<double>(part);
        if (part > limit / smallest && part <= limit) items.push_back({part, amount});
    }
    if (items.empty() || use <= 0.5 * static_cast<double>(limit)) return found;  // equal loads fill half of it or more
    // Values of the loads: the dual of the fractional packing problem, max Σ demand · value with at most 1 in every
    // packing; packings are added when they are worth more.
    Master values;
    for (auto const& item : items) values.add_column(-item.demand, 0, 1.0 / static_cast<double>(limit / item.load), {});
    for (int round = 0; round < most_rounds; ++round) {
        auto const solution = values.solve();
        found.work += 500.0 + 20.0 * static_cast<double>(items.size()) * (round + 1);
        if (!solution.optimal || -solution.objective < 1 + worth) return found;
        for (std::size_t k = 0; k < items.size(); ++k) items[k].value = solution.x[k];
        Packer packer(items);
        auto const& packing = packer.fill(limit);
        found.work += 10.0 * packer.looks();
        if (packer.value() <= 1 + 1e-6) break;
        std::vector<Master::Entry> entries;
        for (std::size_t k = 0; k < items.size(); ++k)
            if (packing[k] > 0) entries.push_back({k, static_cast<double>(packing[k])});
        values.add_row(-std::numeric_limits<double>::infinity(), 1, entries);
    }
    auto rule = superadditive(device, load, limit, items);
    if (!rule) return found;
    double sum = 0;
    for (auto const& [part, amount] : demand) sum += amount * static_cast<double>(rule->count(part));
    if (sum > (1 + worth) * static_cast<double>(rule->whole)) found.rule = std::move(rule);
    return found;
}

}  // namespace skipstone::planner
