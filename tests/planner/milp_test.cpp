#include "planner/milp.hpp"

#include <boost/test/unit_test.hpp>

#include "brute_force.hpp"
#include "model/cost_model.hpp"
#include "random_instance.hpp"

namespace skipstone::planner {

namespace {

using testing::brute_force;
using testing::InstanceSize;
using testing::random_instance;

enum class TimeLimit { none, nothing, little };

PlanResult solved(Instance const& instance, double gap = 0, TimeLimit limit = TimeLimit::none) {
    Options options;
    options.gap = gap;
    if (limit != TimeLimit::none) options.time_limit_s = limit == TimeLimit::nothing ? 0.0 : 0.004;
    auto result = plan_milp(instance, options);
    evaluate(instance, result);
    return result;
}

// Everything that brute force knows about the instance.
void expect_truth(Instance const& instance, int number) {
    auto const truth = brute_force(instance);
    auto const result = solved(instance);
    BOOST_TEST_CONTEXT("random instance " << number) {
        for (auto const& violation : violations(instance, result)) BOOST_TEST_ERROR(violation);
        BOOST_TEST(result.admitted == truth.admitted);
        BOOST_TEST(result.admitted_bound == truth.admitted);
        BOOST_TEST((result.binding == Binding::none) == (truth.admitted == instance.requests));
        if (truth.admitted == 0 || result.admitted != truth.admitted) return;
        BOOST_TEST(std::abs(*result.objective - truth.objective) <= 1e-7);
        BOOST_TEST(*result.bound <= truth.objective + 1e-12);
        BOOST_TEST(*result.objective - *result.bound <= 1e-6 * *result.objective + 1e-12);
        BOOST_TEST(result.mean_latency.value() <= truth.mean_latency_s + 1e-6);
    }
}

// Two devices in line: the first can take the stem only, the second the rest.
Instance two_devices() {
    Instance instance;
    instance.alpha = 1;
    instance.beta = 0;
    instance.requests = 1;
    instance.input = Bytes(1'000'000);
    for (auto const* name : {"stem", "a", "b"})
        instance.blocks.push_back({name, Macs(100), Bytes(10), Bytes(1'000'000), Bytes(5), Macs(0), Bytes(0)});
    instance.accuracy = {{{}, 0.9}};
    instance.devices.resize(2);
    for (auto& device : instance.devices) {
        device.mac_rate = MacRate(100);
        device.memory = Bytes(100);
        device.macs = Macs(1000);
        device.energy = Joules(1000);
        device.power_compute = Watts(1);
        device.power_transmit = Watts(1);
    }
    instance.devices[0].name = "d0";
    instance.devices[1].name = "d1";
    instance.links = LinkTable::dense(2, {0, 8e6, 4e6, 0}, {0.25});
    return instance;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(milp)

BOOST_AUTO_TEST_CASE(finds_what_brute_force_finds_on_random_instances) {
    for (int number = 0; number < 300; ++number) {
        RandomStream random(11, "milp_test", number);
        expect_truth(random_instance(random, {.devices = 3, .blocks = 4, .options = 4, .requests = 3}), number);
    }
}

BOOST_AUTO_TEST_CASE(finds_what_brute_force_finds_on_longer_chains) {
    for (int number = 0; number < 100; ++number) {
        RandomStream random(12, "milp_test", number);
        expect_truth(random_instance(random, {.devices = 2, .blocks = 6, .options = 5, .requests = 2}), number);
    }
}

BOOST_AUTO_TEST_CASE(moves_the_tensor_once_when_a_device_is_too_small) {
    auto instance = two_devices();
    instance.devices[0].macs = Macs(100);
    instance.devices[1].macs = Macs(200);
    auto const result = solved(instance);
    BOOST_TEST_REQUIRE(result.admitted == 1);
    BOOST_TEST((result.requests[0].devices == std::vector{DeviceId(0), DeviceId(1), DeviceId(1)}));
    BOOST_TEST(result.mean_latency.value() == 3 + 1 + 0.25, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(charges_the_way_from_the_source) {
    auto instance = two_devices();
    instance.source = DeviceId(1);
    instance.devices[1].macs = Macs(0);
    auto const result = solved(instance);
    BOOST_TEST_REQUIRE(result.admitted == 1);
    BOOST_TEST(result.mean_latency.value() == 3 + 2 + 0.25, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(result.energy[1].value() == 2, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(rejects_what_no_link_reaches) {
    auto instance = two_devices();
    instance.source = DeviceId(1);
    instance.devices[1].macs = Macs(0);
    instance.links = LinkTable::dense(2, {0, 8e6, 0, 0}, {0});
    auto const result = solved(instance);
    BOOST_TEST(result.admitted == 0);
    BOOST_TEST(result.admitted_bound == 0);
    BOOST_TEST(!result.bound.has_value());
}

BOOST_AUTO_TEST_CASE(counts_resident_weights_once_for_two_requests) {
    auto instance = two_devices();
    instance.requests = 2;
    instance.links = LinkTable::dense(2, {0, 0, 0, 0}, {0});
    instance.devices[1].macs = Macs(0);
    instance.memory = MemoryModel::resident;
    instance.devices[0].memory = Bytes(2 * 30 + 15);
    BOOST_TEST(solved(instance).admitted == 2);
    instance.devices[0].memory = Bytes(2 * 30 + 14);
    BOOST_TEST(solved(instance).admitted == 1);
}

BOOST_AUTO_TEST_CASE(gives_an_honest_bound_when_the_time_is_up) {
    int stopped = 0;
    for (int number = 0; number < 40; ++number) {
        RandomStream random(13, "milp_test", number);
        auto const instance = random_instance(random, {.devices = 3, .blocks = 4, .options = 4, .requests = 3});
        auto const truth = brute_force(instance);
        auto const result = solved(instance, 0, number % 2 == 0 ? TimeLimit::nothing : TimeLimit::little);
        BOOST_TEST_CONTEXT("random instance " << number) {
            BOOST_TEST(violations(instance, result).empty());
            BOOST_TEST(result.admitted <= truth.admitted);
            BOOST_TEST(result.admitted_bound >= truth.admitted);
            if (result.admitted > 0 && result.admitted == truth.admitted) {
                BOOST_TEST(*result.bound <= truth.objective + 1e-12);
                BOOST_TEST(*result.objective >= truth.objective - 1e-12);
            }
            stopped +=
                result.admitted_bound > truth.admitted || (result.bound && *result.bound < truth.objective * (1 - 1e-6))
                    ? 1
                    : 0;
        }
    }
    BOOST_TEST(stopped > 0);
}

BOOST_AUTO_TEST_CASE(stops_within_the_gap_that_it_is_given) {
    for (int number = 0; number < 40; ++number) {
        RandomStream random(14, "milp_test", number);
        auto const instance = random_instance(random, {.devices = 3, .blocks = 5, .options = 4, .requests = 3});
        auto const result = solved(instance, 0.05);
        if (result.admitted == 0) continue;
        BOOST_TEST((*result.objective - *result.bound) <= 0.05 * *result.objective + 1e-9);
    }
}

BOOST_AUTO_TEST_CASE(gives_the_same_plan_twice) {
    for (int number = 0; number < 20; ++number) {
        RandomStream random(15, "milp_test", number);
        auto const instance = random_instance(random, {.devices = 4, .blocks = 6, .options = 5, .requests = 3});
        auto const one = solved(instance), two = solved(instance);
        BOOST_TEST((one.bound == two.bound));
        BOOST_TEST(one.requests.size() == two.requests.size());
        for (std::size_t r = 0; r < one.requests.size(); ++r)
            BOOST_TEST((one.requests[r].devices == two.requests[r].devices));
    }
}

BOOST_AUTO_TEST_CASE(plans_nothing_when_nothing_is_asked) {
    auto instance = two_devices();
    instance.requests = 0;
    auto const result = solved(instance);
    BOOST_TEST(result.requests.empty());
    BOOST_TEST(result.admitted_bound == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone::planner
