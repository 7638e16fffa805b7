// Rounds whose searches are full of dead ends: every planner ends soon, with what it has.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <string>

#include "config/instance_json.hpp"
#include "model/cost_model.hpp"
#include "planner/planner.hpp"
#include "random_instance.hpp"

using namespace skipstone;
using skipstone::planner::testing::random_instance;

namespace {

Instance hard_round(std::string const& name) {
    return config::load_instance(std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "tests" / "planner" / "hard_rounds" /
                                 (name + ".json"));
}

// Processor time, which other programs on the machine do not lengthen.
struct Timed {
    PlanResult result;
    double seconds = 0;
};

Timed timed(std::string_view name, Instance const& instance, planner::Options const& options) {
    auto const begin = std::clock();
    Timed timed{planner::plan(name, instance, options)};
    timed.seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    return timed;
}

// A round of more requests, devices and blocks than brute force could do.
Instance large_round(std::uint64_t number) {
    RandomStream random(number, "hard_rounds_test");
    auto instance = random_instance(random, {40, 20, 12, 60});
    instance.alpha = number % 3 == 0 ? 0 : 0.7;
    instance.beta = 1 - instance.alpha;
    return instance;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hard_rounds)

BOOST_AUTO_TEST_CASE(end_by_work_done_with_a_plan_and_a_bound) {
    for (auto const* name : {"many_dead_ends", "tight_memory"}) {
        auto const instance = hard_round(name);
        for (auto const* planner : {"exact", "contention"}) {
            auto const [result, seconds] = timed(planner, instance, {});
            BOOST_TEST_CONTEXT(name << ", " << planner) {
                BOOST_TEST(seconds < 8);  // before: minutes
                BOOST_TEST(violations(instance, result).empty());
                BOOST_TEST(result.admitted >= 1);
                BOOST_TEST_REQUIRE(result.gap.has_value());
                BOOST_TEST(*result.gap < 0.5);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(give_the_same_plan_twice_when_work_ends_them) {
    for (auto const* name : {"many_dead_ends", "tight_memory"}) {
        auto const instance = hard_round(name);
        auto const first = planner::plan("exact", instance, {}), second = planner::plan("exact", instance, {});
        BOOST_TEST((first.objective == second.objective));
        BOOST_TEST((first.bound == second.bound));
        for (std::size_t r = 0; r < first.requests.size(); ++r)
            BOOST_TEST((first.requests[r].devices == second.requests[r].devices));
    }
}

BOOST_AUTO_TEST_CASE(end_when_the_time_is_over) {
    planner::Options options;
    options.time_limit_s = 0.2;
    for (auto const planner : planner::names(Goal::latency)) {
        for (auto const* name : {"many_dead_ends", "tight_memory"}) {
            auto const [result, seconds] = timed(planner, hard_round(name), options);
            BOOST_TEST_CONTEXT(name << ", " << planner)
            BOOST_TEST(seconds < 1);
        }
        for (std::uint64_t number = 1; number <= 3; ++number) {
            auto const instance = large_round(number);
            auto const [result, seconds] = timed(planner, instance, options);
            BOOST_TEST_CONTEXT("large round " << number << ", " << planner) {
                BOOST_TEST(seconds < 1.5);
                BOOST_TEST(violations(instance, result).empty());
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
