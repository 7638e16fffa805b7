#include "exits/grid_search.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>

#include "exits/local_search.hpp"
#include "tests/exits/random_table.hpp"

using namespace skipstone;
using namespace skipstone::exits;
using skipstone::exits::test::random_table;

namespace {

// Every set of rules of the grid.
void for_each(Grid const& grid, std::function<void(std::vector<TableRule> const&)> const& use,
              std::vector<TableRule>& rules, std::size_t first = 0) {
    use(rules);
    if (rules.size() == grid.most_exits) return;
    for (std::size_t exit = first; exit < grid.thresholds.size(); ++exit)
        for (double const threshold : grid.thresholds[exit]) {
            rules.push_back({exit, threshold});
            for_each(grid, use, rules, exit + 1);
            rules.pop_back();
        }
}

std::size_t right_answers(ExitTable const& table, std::vector<TableRule> const& rules) {
    std::size_t right = 0;
    for (std::size_t s = 0; s < table.samples; ++s) {
        std::size_t outcome = table.outcomes() - 1;
        for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule)
            if (static_cast<double>(table.at(s, rule->outcome).confidence) >= rule->threshold) outcome = rule->outcome;
        right += table.at(s, outcome).predicted == table.labels[s];
    }
    return right;
}

std::vector<std::size_t> outcomes_of(std::vector<TableRule> const& rules) {
    std::vector<std::size_t> outcomes;
    for (auto const& rule : rules) outcomes.push_back(rule.outcome);
    return outcomes;
}

std::vector<Lane> random_lanes(std::mt19937& random, ExitTable const& table, std::size_t count) {
    std::vector<Lane> lanes;
    auto const real = [&](double most) { return std::uniform_real_distribution<double>(0, most)(random); };
    for (std::size_t way = 0; way < count; ++way)
        for (std::size_t objective = 0; objective < 2; ++objective) {
            Lane lane{objective, way, mac_costs(table), {}};
            if (objective == 1 || random() % 2 == 0) {
                for (auto& cost : lane.cost.chain) cost = std::floor(real(200));
                for (auto& cost : lane.cost.heads) cost = std::floor(real(10));
                lane.cost.heads.back() = 0;
            }
            for (auto limit = random() % 3; limit-- > 0;) {
                Limit made{std::floor(real(30)) - 3, {}};
                for (std::size_t o = 0; o < table.outcomes(); ++o) made.amount.push_back(std::floor(real(20)));
                made.amount.back() = 0;
                lane.limits.push_back(std::move(made));
            }
            lanes.push_back(std::move(lane));
        }
    return lanes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(grid_search)

BOOST_AUTO_TEST_CASE(finds_what_trying_all_rules_finds) {
    std::mt19937 random(7);
    for (int trial = 0; trial < 400; ++trial) {
        auto const table = random_table(random, 1 + random() % 30, random() % 6);
        auto const grid = quantile_grid(table, 1 + random() % 4, random() % 5);
        auto const lanes = random_lanes(random, table, 1 + random() % 4);
        auto const found = search_grid(table, grid, worthwhile(lanes), 2, 1 + static_cast<int>(random() % 3));
        std::vector<Frontier> all(2, Frontier(table.samples));
        std::vector<TableRule> rules;
        double sets = 0;
        for_each(
            grid,
            [&](std::vector<TableRule> const& set) {
                ++sets;
                auto const right = right_answers(table, set);
                for (auto const& lane : lanes) {
                    double const cost = cost_of(table, lane.cost, set);
                    if (lane.allows(outcomes_of(set)) && all[lane.objective].wants(right, cost))
                        all[lane.objective].put(right, {cost, lane.way, set});
                }
            },
            rules);
        BOOST_TEST(rule_sets(grid) == sets);
        for (std::size_t objective = 0; objective < 2; ++objective)
            for (std::size_t right = 0; right <= table.samples; ++right) {
                auto const& ours = found[objective].best()[right];
                auto const& optimum = all[objective].best()[right];
                BOOST_REQUIRE_EQUAL(ours.is_there(), optimum.is_there());
                if (!ours.is_there()) continue;
                BOOST_TEST(ours.cost == optimum.cost, boost::test_tools::tolerance(1e-12));
                // What it says of its rules is so.
                BOOST_TEST(right_answers(table, ours.rules) == right);
                auto const lane = std::ranges::find_if(
                    lanes, [&](Lane const& l) { return l.objective == objective && l.way == ours.way; });
                BOOST_TEST(cost_of(table, lane->cost, ours.rules) == ours.cost, boost::test_tools::tolerance(1e-12));
                BOOST_TEST(lane->allows(outcomes_of(ours.rules)));
            }
    }
}

BOOST_AUTO_TEST_CASE(rules_do_not_depend_on_the_number_of_threads) {
    std::mt19937 random(11);
    auto const table = random_table(random, 300, 7);
    auto const grid = quantile_grid(table, 5, 3);
    auto const lanes = random_lanes(random, table, 3);
    auto const one = search_grid(table, grid, lanes, 2, 1), three = search_grid(table, grid, lanes, 2, 3);
    for (std::size_t objective = 0; objective < 2; ++objective)
        for (std::size_t right = 0; right <= table.samples; ++right) {
            auto const &a = one[objective].best()[right], &b = three[objective].best()[right];
            BOOST_TEST(a.is_there() == b.is_there());
            BOOST_TEST(a.way == b.way);
            BOOST_TEST(std::ranges::equal(a.rules, b.rules, [](TableRule const& x, TableRule const& y) {
                return x.outcome == y.outcome && x.threshold == y.threshold;
            }));
        }
}

BOOST_AUTO_TEST_CASE(more_samples_than_small_counters_hold_are_counted_rightly) {
    std::mt19937 random(13);
    auto const table = random_table(random, 40'000, 2);
    auto const grid = quantile_grid(table, 3, 2);
    auto const found = search_grid(table, grid, {Lane{0, 0, mac_costs(table), {}}}, 1, 1);
    for (auto const right : found[0].front()) {
        auto const& rules = found[0].best()[right].rules;
        BOOST_TEST(right_answers(table, rules) == right);
        BOOST_TEST(score(table, rules).mean_macs * 40'000 == found[0].best()[right].cost,
                   boost::test_tools::tolerance(1e-12));
    }
}

BOOST_AUTO_TEST_CASE(a_local_search_tells_the_truth_and_keeps_to_the_limits) {
    std::mt19937 random(17);
    for (int trial = 0; trial < 40; ++trial) {
        auto const table = random_table(random, 20 + random() % 100, 1 + random() % 6);
        for (auto const& lane : random_lanes(random, table, 1)) {
            if (!lane.allows({})) continue;
            Frontier frontier(table.samples);
            search_locally(table, lane, 300, frontier);
            for (std::size_t right = 0; right <= table.samples; ++right) {
                auto const& found = frontier.best()[right];
                if (!found.is_there()) continue;
                BOOST_TEST(right_answers(table, found.rules) == right);
                BOOST_TEST(cost_of(table, lane.cost, found.rules) == found.cost, boost::test_tools::tolerance(1e-9));
                BOOST_TEST(lane.allows(outcomes_of(found.rules)));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_local_search_of_one_exit_finds_the_best_of_all_thresholds) {
    std::mt19937 random(19);
    for (int trial = 0; trial < 50; ++trial) {
        auto const table = random_table(random, 5 + random() % 40, 1);
        Lane const lane{0, 0, mac_costs(table), {}};
        Frontier local(table.samples);
        search_locally(table, lane, 100, local);
        auto const all = search_grid(table, quantile_grid(table, 1000, 1), {lane}, 1, 1);
        for (std::size_t right = 0; right <= table.samples; ++right) {
            auto const *ours = local.cheapest(right), *optimum = all[0].cheapest(right);
            BOOST_REQUIRE_EQUAL(ours == nullptr, optimum == nullptr);
            if (ours) BOOST_TEST(ours->cost == optimum->cost, boost::test_tools::tolerance(1e-12));
        }
    }
}

BOOST_AUTO_TEST_CASE(one_threshold_for_all_opens_all_exits) {
    std::mt19937 random(23);
    auto const table = random_table(random, 200, 4);
    auto const frontier = one_threshold_for_all(table, Lane{0, 0, mac_costs(table), {}}, 50);
    auto const front = frontier.front();
    BOOST_REQUIRE(!front.empty());
    for (auto const right : front) {
        auto const& rules = frontier.best()[right].rules;
        BOOST_TEST(rules.size() == 4);
        for (auto const& rule : rules) BOOST_TEST(rule.threshold == rules.front().threshold);
        BOOST_TEST(right_answers(table, rules) == right);
    }
}

BOOST_AUTO_TEST_CASE(thresholds_are_short_and_part_what_they_should) {
    BOOST_TEST(shortest_between(-1, 0.3) == 0.0);
    BOOST_TEST(shortest_between(0.28, 0.33) == 0.3);
    BOOST_TEST(shortest_between(0.91234, 0.91241) == 0.9124);
    BOOST_TEST(shortest_between(0.999, 1) == 1.0);
    double const next = std::nextafter(0.7, 1);
    BOOST_TEST(shortest_between(0.7, next) == next);
}

BOOST_AUTO_TEST_SUITE_END()
