#include "exits/local_search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::exits {

namespace {

std::vector<std::size_t> outcomes_of(std::span<TableRule const> rules) {
    std::vector<std::size_t> outcomes;
    for (auto const& rule : rules) outcomes.push_back(rule.outcome);
    return outcomes;
}

std::size_t right_answers(ExitTable const& table, std::span<TableRule const> rules) {
    return static_cast<std::size_t>(
        std::llround(score(table, rules).accuracy * static_cast<double>(table.samples)));
}

}  // namespace

double cost_of(ExitTable const& table, OutcomeCosts const& costs, std::span<TableRule const> rules) {
    auto const leaving = score(table, rules).leaving;
    double cost = 0, heads = 0;
    for (std::size_t r = 0; r < leaving.size(); ++r) {
        auto const outcome = r < rules.size() ? rules[r].outcome : table.outcomes() - 1;
        heads += costs.heads[outcome];
        cost += std::round(leaving[r] * static_cast<double>(table.samples)) * (costs.chain[outcome] + heads);
    }
    return cost;
}

LocalSearch::LocalSearch(ExitTable const& table, Lane const& lane)
    : table_(table),
      lane_(lane),
      end_(table.outcomes() - 1),
      threshold_(end_, closed),
      first_(table.samples),
      later_(table.samples),
      later_cost_(table.samples) {
    for (std::size_t o = 0; o <= end_; ++o) {
        auto& right = right_.emplace_back(table.samples);
        for (std::size_t s = 0; s < table.samples; ++s) right[s] = table.at(s, o).predicted == table.labels[s];
    }
    for (std::size_t exit = 0; exit < end_; ++exit) {
        auto& confidence = confidence_.emplace_back(table.samples);
        for (std::size_t s = 0; s < table.samples; ++s) confidence[s] = table.at(s, exit).confidence;
        auto& order = order_.emplace_back();
        for (std::size_t s = 0; s < table.samples; ++s)
            if (!std::isnan(confidence[s])) order.push_back(static_cast<std::uint32_t>(s));
        std::ranges::stable_sort(order, std::greater(), [&](std::uint32_t s) { return confidence[s]; });
    }
}

std::vector<TableRule> LocalSearch::rules() const {
    std::vector<TableRule> rules;
    for (std::size_t exit = 0; exit < end_; ++exit)
        if (threshold_[exit] <= 1) rules.push_back({exit, threshold_[exit]});
    return rules;
}

std::vector<TableRule> LocalSearch::improve(std::vector<TableRule> const& from, double price, Frontier& frontier) {
    std::ranges::fill(threshold_, closed);
    for (auto const& rule : from) threshold_[rule.outcome] = rule.threshold;
    constexpr int most_sweeps = 40;
    bool changed = true;
    for (int sweep = 0; sweep < most_sweeps && changed; ++sweep) {
        changed = false;
        double heads = 0;
        for (std::size_t s = 0; s < table_.samples; ++s) {
            first_[s] = static_cast<std::uint32_t>(end_);
            later_[s] = static_cast<std::uint32_t>(end_);
            later_cost_[s] = lane_.cost.chain[end_];
        }
        for (std::size_t exit = end_; exit-- > 0;) {
            if (threshold_[exit] > 1) continue;
            heads += lane_.cost.heads[exit];
            for (std::size_t s = 0; s < table_.samples; ++s)
                if (static_cast<double>(confidence_[exit][s]) >= threshold_[exit])
                    first_[s] = static_cast<std::uint32_t>(exit);
        }
        // From the last exit to the first: what is behind an exit has been settled, what is before it is as it was.
        for (std::size_t exit = end_; exit-- > 0;) {
            if (threshold_[exit] <= 1) heads -= lane_.cost.heads[exit];
            changed |= step(exit, price, heads, frontier);
        }
    }
    return rules();
}

bool LocalSearch::step(std::size_t exit, double price, double heads_before, Frontier& frontier) {
    ++steps_;
    double const old = threshold_[exit];
    auto const& cost = lane_.cost;
    // With the exit closed.
    long right = 0, reaching = 0;
    double total = 0;
    std::vector<double> heads_until(exit + 1, 0);  // of open exits, up to that one
    for (std::size_t e = 0; e < exit; ++e)
        heads_until[e + 1] = heads_until[e] + (threshold_[e] <= 1 ? cost.heads[e] : 0);
    for (std::size_t s = 0; s < table_.samples; ++s) {
        auto const first = first_[s];
        if (first < exit) {
            right += right_[first][s];
            total += cost.chain[first] + heads_until[first + 1];
        } else {
            ++reaching;
            right += right_[later_[s]][s];
            total += heads_before + later_cost_[s];
        }
    }
    threshold_[exit] = closed;
    auto base = rules();
    std::vector<std::size_t> open = outcomes_of(base);
    auto const place = std::ranges::lower_bound(open, exit) - open.begin();
    if (frontier.wants(static_cast<std::size_t>(right), total))
        frontier.put(static_cast<std::size_t>(right), {total, lane_.way, base});
    double best_value = static_cast<double>(right) - price * total, best_threshold = closed;
    open.insert(open.begin() + place, exit);
    if (lane_.allows(open) && reaching > 0) {
        auto with = base;
        with.insert(with.begin() + place, {exit, 1});
        auto const at = static_cast<std::size_t>(place);
        total += static_cast<double>(reaching) * cost.heads[exit];
        auto const& order = order_[exit];
        auto const& confidence = confidence_[exit];
        for (std::size_t i = 0; i < order.size(); ++i) {
            auto const s = order[i];
            if (first_[s] >= exit) {
                right += right_[exit][s] - right_[later_[s]][s];
                total += cost.chain[exit] - later_cost_[s];
            }
            bool const is_last = i + 1 == order.size();
            if (!is_last && confidence[order[i + 1]] == confidence[s]) continue;
            double const value = static_cast<double>(right) - price * total;
            bool const wanted = frontier.wants(static_cast<std::size_t>(right), total);
            if (!(value > best_value) && !wanted) continue;
            double const threshold = shortest_between(is_last ? -1.0 : static_cast<double>(confidence[order[i + 1]]),
                                                      static_cast<double>(confidence[s]));
            if (wanted) {
                with[at].threshold = threshold;
                frontier.put(static_cast<std::size_t>(right), {total, lane_.way, with});
            }
            if (value > best_value) {
                best_value = value;
                best_threshold = threshold;
            }
        }
    }
    threshold_[exit] = best_threshold;
    if (best_threshold <= 1)
        for (std::size_t s = 0; s < table_.samples; ++s) {
            if (static_cast<double>(confidence_[exit][s]) >= best_threshold) {
                later_[s] = static_cast<std::uint32_t>(exit);
                later_cost_[s] = cost.chain[exit] + cost.heads[exit];
            } else {
                later_cost_[s] += cost.heads[exit];
            }
        }
    return best_threshold != old;
}

void search_locally(ExitTable const& table, Lane const& lane, std::size_t steps, Frontier& frontier) {
    auto const end = table.outcomes() - 1;
    if (end == 0) return;
    LocalSearch search(table, lane);
    auto const samples = static_cast<double>(table.samples);
    double const whole = samples * lane.cost.chain[end];
    if (!(whole > 0)) return;
    // From a price at which the whole cost is worth a thousandth of the answers to one at which it is worth all of them
    // ten times; there and back.
    constexpr int prices = 40;
    std::vector<double> ladder;
    for (int p = 0; p < prices; ++p) ladder.push_back(samples / whole * 1e-3 * std::pow(1e4, p / (prices - 1.0)));
    auto const enough = [&](double share) {
        return static_cast<double>(search.steps()) >= share * static_cast<double>(steps);
    };
    std::vector<TableRule> rules;
    for (int p = 0; p < prices && !enough(0.25); ++p) rules = search.improve(rules, ladder[static_cast<std::size_t>(p)], frontier);
    for (int p = prices; p-- > 0 && !enough(0.5);) rules = search.improve(rules, ladder[static_cast<std::size_t>(p)], frontier);
    // What is best between two neighbours of the front, at the price that makes both of one worth; changed at random.
    RandomStream random(1, "exits search", lane.way);
    while (!enough(1)) {
        auto const front = frontier.front();
        if (front.size() < 2) return;
        auto const at = static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(front.size() - 1)));
        auto const span = std::min<std::size_t>(front.size() - 1 - at, 1 + static_cast<std::size_t>(random.below(40)));
        auto const& here = frontier.best()[front[at]];
        auto const& there = frontier.best()[front[at + span]];
        double const price = static_cast<double>(front[at + span] - front[at]) / (there.cost - here.cost);
        auto changed = here.way == lane.way ? here.rules : std::vector<TableRule>();
        for (int change = 0; change < 3; ++change) {
            auto const exit = static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(end)));
            auto const found = std::ranges::lower_bound(changed, exit, std::less(), &TableRule::outcome);
            if (found != changed.end() && found->outcome == exit) {
                changed.erase(found);
                continue;
            }
            auto opened = changed;
            opened.insert(opened.begin() + (found - changed.begin()), {exit, 0.5 + 0.5 * random.uniform()});
            if (lane.allows(outcomes_of(opened))) changed = std::move(opened);
        }
        search.improve(changed, price, frontier);
    }
}

Frontier one_threshold_for_all(ExitTable const& table, Lane const& lane, std::size_t thresholds) {
    Frontier frontier(table.samples);
    std::vector<TableRule> rules;
    for (std::size_t exit = 0; exit + 1 < table.outcomes(); ++exit) rules.push_back({exit, 1});
    if (!lane.allows(outcomes_of(rules))) return frontier;
    std::vector<float> confident;
    for (std::size_t s = 0; s < table.samples; ++s)
        for (auto const& rule : rules)
            if (auto const value = table.at(s, rule.outcome).confidence; value >= 0) confident.push_back(value);
    std::ranges::sort(confident);
    for (std::size_t t = 0; t < thresholds && !confident.empty(); ++t) {
        auto const upto = confident[t * (confident.size() - 1) / std::max<std::size_t>(thresholds - 1, 1)];
        auto const first = std::ranges::lower_bound(confident, upto);
        double const threshold = shortest_between(
            first == confident.begin() ? -1.0 : static_cast<double>(*(first - 1)), static_cast<double>(upto));
        for (auto& rule : rules) rule.threshold = threshold;
        auto const right = right_answers(table, rules);
        double const cost = cost_of(table, lane.cost, rules);
        if (frontier.wants(right, cost)) frontier.put(right, {cost, lane.way, rules});
    }
    return frontier;
}

}  // namespace skipstone::exits
