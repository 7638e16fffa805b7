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

BOOST_AUTO_TEST_SUITE_END()
