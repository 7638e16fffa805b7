#include "planner/packing.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>
#include <random>
#include <vector>

using namespace skipstone::planner;

namespace {

// The most that whole numbers of these loads count under the rule while they fit into the limit.
std::int64_t most_counted(PackingRule const& rule, std::vector<std::int64_t> const& loads, std::int64_t limit) {
    std::int64_t most = 0;
    std::function<void(std::size_t, std::int64_t, std::int64_t)> const extend = [&](std::size_t next, std::int64_t room,
                                                                                    std::int64_t sum) {
        most = std::max(most, sum);
        for (std::size_t k = next; k < loads.size(); ++k)
            if (loads[k] <= room) extend(k, room - loads[k], sum + rule.count(loads[k]));
    };
    extend(0, limit, 0);
    return most;
}

double counted(PackingRule const& rule, std::map<std::int64_t, double> const& demand) {
    double sum = 0;
    for (auto const& [load, amount] : demand) sum += amount * static_cast<double>(rule.count(load));
    return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(packing)

BOOST_AUTO_TEST_CASE(forbids_two_halves_of_segments_that_exclude_each_other) {
    // One of 6 in 10; two of 5.
    std::map<std::int64_t, double> const demand{{5, 1.0}, {6, 0.8}};
    auto const found = find_packing_rule(demand, 3, Load::macs, 10);
    BOOST_REQUIRE(found.rule);
    BOOST_TEST(found.rule->device == 3U);
    BOOST_TEST(counted(*found.rule, demand) > 1.25 * static_cast<double>(found.rule->whole));
    BOOST_TEST(most_counted(*found.rule, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 10) == found.rule->whole);
}

BOOST_AUTO_TEST_CASE(finds_nothing_where_whole_packings_meet_the_demand) {
    BOOST_TEST(!find_packing_rule({{5, 2.0}}, 0, Load::macs, 10).rule);
    BOOST_TEST(!find_packing_rule({{4, 1.0}, {6, 1.0}}, 0, Load::macs, 10).rule);
    BOOST_TEST(!find_packing_rule({{3, 1.5}, {5, 1.0}}, 0, Load::macs, 10).rule);  // half of 3+3, half of 5+5, …
    BOOST_TEST(!find_packing_rule({}, 0, Load::macs, 10).rule);
}

BOOST_AUTO_TEST_CASE(no_packing_of_whole_segments_passes_a_rule) {
    std::mt19937_64 random(7);
    int rules = 0;
    for (int trial = 0; trial < 1000; ++trial) {
        std::int64_t const limit = 20 + static_cast<std::int64_t>(random() % 60);
        std::map<std::int64_t, double> demand;
        double use = 0;
        while (use < 0.9 * static_cast<double>(limit)) {
            auto const load = 3 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit - 3));
            double const amount = 0.05 * static_cast<double>(1 + random() % 10);
            demand[load] += amount;
            use += amount * static_cast<double>(load);
        }
        auto const found = find_packing_rule(demand, 0, Load::memory, limit);
        if (!found.rule) continue;
        ++rules;
        BOOST_TEST(counted(*found.rule, demand) > static_cast<double>(found.rule->whole));
        // Loads that were not asked for must keep to it, too.
        std::vector<std::int64_t> loads;
        for (int k = 0; k < 8; ++k)
            loads.push_back(5 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit - 4)));
        for (auto const& [load, amount] : demand) loads.push_back(load);
        BOOST_TEST(most_counted(*found.rule, loads, limit) <= found.rule->whole);
    }
    BOOST_TEST(rules > 100);
}

BOOST_AUTO_TEST_SUITE_END()
