#include <boost/test/unit_test.hpp>
#include <cmath>

#include "brute_force.hpp"
#include "model/cost_model.hpp"
#include "planner/planner.hpp"
#include "random_instance.hpp"

using namespace skipstone;
using skipstone::planner::testing::add_exits;
using skipstone::planner::testing::brute_force;
using skipstone::planner::testing::InstanceSize;
using skipstone::planner::testing::random_instance;
using skipstone::planner::testing::worth;

namespace {

Instance instance_of(std::uint64_t number) {
    constexpr InstanceSize sizes[] = {{3, 4, 4, 2}, {2, 4, 3, 3}, {4, 4, 4, 1}, {2, 6, 4, 2}, {3, 3, 3, 3}};
    RandomStream random(number, "exits_test");
    auto instance = random_instance(random, sizes[number % std::size(sizes)]);
    add_exits(instance, random);
    return instance;
}

planner::Options to_the_end() {
    planner::Options options;
    options.gap = 0;
    return options;
}

void expect_truth(char const* name, std::uint64_t number) {
    auto const instance = instance_of(number);
    auto const truth = brute_force(instance);
    auto const result = planner::plan(name, instance, to_the_end());
    BOOST_TEST_CONTEXT("instance " << number) {
        for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
        BOOST_TEST(result.admitted == truth.admitted);
        BOOST_TEST(result.admitted_bound == truth.admitted);
        if (truth.admitted == 0 || result.admitted != truth.admitted) return;
        auto const value = worth(instance, result);
        BOOST_TEST_REQUIRE(value.has_value());
        BOOST_TEST(std::abs(*value - truth.objective) <= 1e-6 * truth.objective + 1e-9);
        BOOST_TEST(std::abs(*result.objective - *value) <= 1e-9 * *value);
        BOOST_TEST(*result.bound <= truth.objective * (1 + 1e-9) + 1e-12);
        BOOST_TEST((result.status == PlanStatus::optimal));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(planners_with_exits)

BOOST_AUTO_TEST_CASE(exact_finds_what_brute_force_finds) {
    for (std::uint64_t number = 1; number <= 1500; ++number) expect_truth("exact", number);
}

BOOST_AUTO_TEST_CASE(milp_finds_what_brute_force_finds) {
    for (std::uint64_t number = 1; number <= 200; ++number) expect_truth("milp", number);
}

BOOST_AUTO_TEST_CASE(no_plan_is_wrong_or_better_than_the_best) {
    int short_of_it = 0;
    for (std::uint64_t number = 1; number <= 400; ++number) {
        auto const instance = instance_of(number);
        auto const truth = brute_force(instance);
        for (auto const* name : {"contention", "greedy", "no-drop", "single-device", "ga"}) {
            if (number > 60 && std::string_view(name) == "ga") continue;  // it takes its time
            auto const result = planner::plan(name, instance, {});
            BOOST_TEST_CONTEXT("instance " << number << ", " << name) {
                for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
                BOOST_TEST(result.admitted <= truth.admitted);
                auto const value = worth(instance, result);
                BOOST_TEST_REQUIRE(value.has_value());
                if (result.admitted == 0) continue;
                BOOST_TEST(std::abs(*result.objective - *value) <= 1e-9 * *value);
                if (result.admitted < truth.admitted)
                    ++short_of_it;
                else
                    BOOST_TEST(*value >= truth.objective * (1 - 1e-9));
            }
        }
    }
    BOOST_TEST(short_of_it > 0);
}

// Blocks in a row, two devices in line: on which of them a block should run depends on how many requests get to it.
BOOST_AUTO_TEST_CASE(moves_on_only_where_few_requests_have_to) {
    Instance instance;
    instance.alpha = 1;
    instance.beta = 0;
    instance.requests = 1;
    instance.source = DeviceId(0);
    instance.input = Bytes(10'000'000);  // 20 s
    for (auto const* name : {"stem", "rest"})
        instance.blocks.push_back({name, Macs(1'000'000), Bytes(10), Bytes(1'000'000), Bytes(5), Macs(0), Bytes(0)});
    instance.devices.resize(2);
    for (auto& device : instance.devices) {
        device.memory = Bytes(100);
        device.macs = Macs(10'000'000);
        device.energy = Joules(1000);
        device.power_transmit = Watts(1);
    }
    instance.devices[0].mac_rate = MacRate(1e6);
    instance.devices[1].mac_rate = MacRate(1e9);
    instance.links = LinkTable::dense(2, {0, 4e6, 4e6, 0}, {0});  // 2 s
    instance.accuracy = {{{}, 0.9, {1, 1}}};
    instance.exits = {{BlockId(0), BlockId(2), "exit.stem", 0.5, Macs(100'000), Bytes(1), Bytes(1)}};
    auto const both_here = planner::plan("exact", instance, to_the_end());
    BOOST_TEST((both_here.requests.at(0).devices == std::vector{DeviceId(0), DeviceId(0)}));
    BOOST_TEST(both_here.mean_latency.value() == 2.1, boost::test_tools::tolerance(1e-9));
    // A device that has no room for both: half of the requests move.
    instance.devices[0].macs = Macs(1'500'000);
    instance.accuracy[0].reach = {1, 0.5};
    auto const half = planner::plan("exact", instance, to_the_end());
    BOOST_TEST((half.requests.at(0).devices == std::vector{DeviceId(0), DeviceId(1)}));
    BOOST_TEST(half.mean_latency.value() == 1.1 + 0.5 * 2.001, boost::test_tools::tolerance(1e-9));
    // Where what must fit is what is expected, both fit.
    instance.devices[0].macs = Macs(1'600'000);
    instance.reserve_expected = true;
    auto const expected_to_fit = planner::plan("exact", instance, to_the_end());
    BOOST_TEST((expected_to_fit.requests.at(0).devices == std::vector{DeviceId(0), DeviceId(0)}));
    BOOST_TEST(expected_to_fit.mean_latency.value() == 1.6, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_SUITE_END()
