#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "fleet.hpp"
#include "model/cost_model.hpp"
#include "planner/contention.hpp"
#include "planner/planner.hpp"
#include "random_instance.hpp"

using namespace skipstone;
using skipstone::planner::emulated_objective;
using skipstone::planner::testing::fleet;
using skipstone::planner::testing::random_instance;

BOOST_AUTO_TEST_SUITE(contention)

BOOST_AUTO_TEST_CASE(is_never_worse_than_exact_on_the_emulated_latency) {
    for (std::uint64_t number = 1; number <= 500; ++number) {
        RandomStream random(number, "contention_test");
        auto const instance = random_instance(random, {5, 6, 4, 4});
        auto const exact = planner::plan("exact", instance, {});
        auto const result = planner::plan("contention", instance, {});
        BOOST_TEST_CONTEXT("instance " << number) {
            for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
            BOOST_REQUIRE(result.admitted == exact.admitted);
            if (exact.admitted > 0)
                BOOST_TEST(emulated_objective(instance, result, nullptr) <=
                           emulated_objective(instance, exact, nullptr) + 1e-12);
        }
    }
}

BOOST_AUTO_TEST_CASE(puts_requests_side_by_side_that_would_queue) {
    // Eq. 8 sees no queue: all requests on the fast device are best. Emulated, they wait for one another.
    auto instance = fleet(3, 4, 3);
    instance.accuracy = {{{}, 0.95}};
    instance.devices[0].mac_rate = MacRate(1.1e9);
    auto const exact = planner::plan("exact", instance, {});
    for (auto const& request : exact.requests) BOOST_TEST((request.devices[0] == DeviceId(0)));
    auto const result = planner::plan("contention", instance, {});
    BOOST_TEST((result.requests[0].devices[0] != result.requests[1].devices[0]));
    BOOST_TEST((result.requests[1].devices[0] != result.requests[2].devices[0]));
    // 0.4/1.1 s and twice 0.4 s
    BOOST_TEST(emulated_objective(instance, result, nullptr) == 0.5 * (0.4 / 1.1 + 0.8) / 3 + 0.5 * 0.05,
               boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(heeds_the_medium) {
    // Two requests that must move between the same two pairs of devices: on a radio their transfers exclude each other.
    auto instance = fleet(4, 2, 2);
    instance.accuracy = {{{}, 0.95}};
    for (auto& device : instance.devices) device.macs = Macs(100'000'000);
    timeline::Conditions conditions;
    conditions.links = instance.links;
    conditions.medium = Medium::radio;
    planner::Options options;
    options.conditions = &conditions;
    auto const result = planner::plan("contention", instance, options);
    BOOST_TEST(violations(instance, result).empty());
    BOOST_TEST(emulated_objective(instance, result, &conditions) == 0.5 * 0.3 + 0.5 * 0.05,
               boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(is_never_worse_than_exact_when_requests_arrive_one_after_the_other) {
    int better = 0;
    for (std::uint64_t number = 1; number <= 200; ++number) {
        RandomStream random(number, "contention_test");
        auto const instance = random_instance(random, {5, 6, 4, 4});
        timeline::Conditions conditions;
        conditions.start = Seconds(100);
        conditions.medium = number % 2 == 0 ? Medium::radio : Medium::links;
        conditions.loss = number % 3 == 0 ? 0.9 : 0;
        planner::Options options;
        options.conditions = &conditions;
        for (int r = 0; r < instance.requests; ++r) options.ready.push_back(Seconds(100 + random.uniform(0, 2)));
        std::ranges::sort(options.ready);
        auto const exact = planner::plan("exact", instance, options);
        auto const result = planner::plan("contention", instance, options);
        if (exact.admitted == 0) continue;
        double const before = emulated_objective(instance, exact, &conditions, options.ready);
        double const after = emulated_objective(instance, result, &conditions, options.ready);
        BOOST_TEST_CONTEXT("instance " << number) {
            BOOST_TEST(after <= before + 1e-12);
            BOOST_TEST(*result.bound <= after * (1 + 1e-9));
        }
        better += after < before - 1e-9 ? 1 : 0;
    }
    BOOST_TEST(better > 0);
}

BOOST_AUTO_TEST_CASE(knows_when_requests_arrive) {
    // The second request arrives when the first one has gone: both may use the fast device.
    auto instance = fleet(2, 4, 2);
    instance.accuracy = {{{}, 0.95}};
    instance.devices[0].mac_rate = MacRate(1.1e9);
    timeline::Conditions conditions;
    planner::Options options;
    options.conditions = &conditions;
    options.ready = {Seconds(0), Seconds(5)};
    auto const result = planner::plan("contention", instance, options);
    for (auto const& request : result.requests) BOOST_TEST((request.devices[0] == DeviceId(0)));
    BOOST_TEST(emulated_objective(instance, result, &conditions, options.ready) == 0.5 * 0.4 / 1.1 + 0.5 * 0.05,
               boost::test_tools::tolerance(1e-9));
    // Together they would queue.
    options.ready = {Seconds(5), Seconds(5)};
    auto const together = planner::plan("contention", instance, options);
    BOOST_TEST((together.requests[0].devices[0] != together.requests[1].devices[0]));
}

BOOST_AUTO_TEST_CASE(expects_the_packets_that_get_lost) {
    // Planners are given rates of which lost packets are taken off. A hop at nine tenths lost takes 1 s instead of 0.1
    // s, and two of them queue on one link.
    auto instance = fleet(3, 2, 2);
    instance.accuracy = {{{}, 0.95}};
    for (auto& device : instance.devices) device.macs = Macs(100'000'000);
    instance.devices[0].macs = instance.devices[1].macs = Macs(200'000'000);
    timeline::Conditions conditions;
    conditions.links = instance.links;
    conditions.loss = 0.9;
    instance.links = LinkTable::dense(3, std::vector<double>(9, 8e6), {0.0});
    auto plan = planner::plan("exact", instance, {});
    for (auto& request : plan.requests) request.devices = {DeviceId(0), DeviceId(1)};
    // 0.1 s + 1 s + 0.1 s; the other one computes after it, and waits for the link: 0.1 s + 2 s + 0.1 s
    BOOST_TEST(emulated_objective(instance, plan, &conditions) == 0.5 * (1.2 + 2.2) / 2 + 0.5 * 0.05,
               boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_SUITE_END()
