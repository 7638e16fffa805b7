#include <boost/test/unit_test.hpp>
#include <set>

#include "fleet.hpp"
#include "model/cost_model.hpp"
#include "model/link.hpp"
#include "planner/planner.hpp"
#include "planner/sequential.hpp"
#include "random_instance.hpp"
#include "units/error.hpp"

using namespace skipstone;
using skipstone::planner::testing::fleet;
using skipstone::planner::testing::random_instance;

namespace {

constexpr char const* planners[] = {"greedy", "no-drop", "single-device"};

}  // namespace

BOOST_AUTO_TEST_SUITE(baselines)

BOOST_AUTO_TEST_CASE(names_the_nearest_planner_for_an_unknown_one) {
    BOOST_CHECK_EXCEPTION(planner::plan("greddy", fleet(1, 2, 1), {}), InputError, [](InputError const& error) {
        return std::string(error.what()).find("\"greedy\"") != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(every_planner_that_is_named_can_be_asked) {
    for (auto const name : planner::names(Goal::latency)) {
        auto const result = planner::plan(name, fleet(2, 2, 1), {});
        BOOST_TEST(result.planner == name);
        BOOST_TEST(result.admitted == 1);
        BOOST_TEST(result.seconds > 0);
    }
}

BOOST_AUTO_TEST_CASE(keeps_every_constraint_on_random_instances) {
    for (std::uint64_t number = 1; number <= 3000; ++number) {
        RandomStream random(number, "baselines_test");
        auto const instance = random_instance(random, {6, 8, 5, 5});
        for (auto const* name : planners) {
            auto const result = planner::plan(name, instance, {});
            BOOST_TEST_CONTEXT("instance " << number << ", " << name) {
                for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
                BOOST_TEST((result.binding == Binding::none) == (result.admitted == result.requested));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(stays_on_one_device_when_it_is_large_enough) {
    for (auto const* name : planners) {
        auto instance = fleet(3, 4, 1);
        instance.devices[1].mac_rate = MacRate(2e9);
        auto const result = planner::plan(name, instance, {});
        BOOST_TEST(result.shared.value() == 0);
        BOOST_TEST((result.requests[0].devices[0] == DeviceId(1)));
    }
}

BOOST_AUTO_TEST_CASE(drops_a_block_when_memory_is_short) {
    auto instance = fleet(1, 3, 1);
    instance.alpha = 0;
    instance.beta = 1;
    BOOST_TEST(planner::plan("greedy", instance, {}).requests[0].dropped.empty());
    instance.devices[0].memory = Bytes(2'000'000);
    auto const result = planner::plan("greedy", instance, {});
    BOOST_TEST(result.admitted == 1);
    BOOST_TEST((result.requests[0].dropped == std::vector<BlockId>{BlockId(1)}));
    BOOST_TEST(planner::plan("no-drop", instance, {}).admitted == 0);
}

BOOST_AUTO_TEST_CASE(drops_for_more_requests_rather_than_for_accuracy) {
    auto instance = fleet(1, 3, 3);
    instance.alpha = 0;
    instance.beta = 1;
    instance.devices[0].macs = Macs(600'000'000);  // two requests whole, or three without block 1
    auto const result = planner::plan("greedy", instance, {});
    BOOST_TEST(result.admitted == 3);
    BOOST_TEST(result.mean_accuracy == 0.90);
}

BOOST_AUTO_TEST_CASE(a_dropped_block_with_a_projection_still_needs_a_device) {
    auto instance = fleet(1, 3, 1);
    instance.blocks[1].skip_macs = Macs(10'000'000);
    instance.blocks[1].skip_memory = Bytes(500'000);
    instance.devices[0].macs = Macs(210'000'000);
    auto const result = planner::plan("greedy", instance, {});
    BOOST_TEST(result.admitted == 1);
    BOOST_TEST((result.requests[0].devices[1] == DeviceId(0)));
    BOOST_TEST(result.mean_latency.value() == 0.21, boost::test_tools::tolerance(1e-12));
    instance.devices[0].macs = Macs(209'999'999);
    BOOST_TEST(planner::plan("greedy", instance, {}).admitted == 0);
}

BOOST_AUTO_TEST_CASE(spreads_a_request_that_no_device_can_take) {
    auto instance = fleet(2, 4, 1);
    instance.alpha = 0;
    instance.beta = 1;
    for (auto& device : instance.devices) device.macs = Macs(200'000'000);
    auto const result = planner::plan("greedy", instance, {});
    BOOST_TEST(result.admitted == 1);
    BOOST_TEST(result.shared.value() == 1'000'000);
    BOOST_TEST(result.mean_latency.value() == 0.5, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(planner::plan("single-device", instance, {}).admitted == 0);
}

BOOST_AUTO_TEST_CASE(names_the_constraint_that_binds) {
    auto const binding = [](Instance const& instance) { return planner::plan("greedy", instance, {}).binding; };
    auto instance = fleet(2, 3, 2);
    BOOST_TEST((binding(instance) == Binding::none));
    auto short_of = instance;
    for (auto& device : short_of.devices) device.macs = Macs(150'000'000);
    BOOST_TEST((binding(short_of) == Binding::compute));
    short_of = instance;
    for (auto& device : short_of.devices) device.memory = Bytes(1'500'000);
    BOOST_TEST((binding(short_of) == Binding::memory));
    short_of = instance;
    for (auto& device : short_of.devices) device.energy = Joules(1.5);
    BOOST_TEST((binding(short_of) == Binding::energy));
    short_of = instance;
    short_of.accuracy_threshold = 0.96;
    BOOST_TEST((binding(short_of) == Binding::accuracy));
    short_of = instance;
    short_of.devices[0].macs = Macs(0);  // neither more compute nor more memory alone would help the source
    short_of.devices[0].memory = Bytes(0);
    short_of.source = DeviceId(0);
    short_of.links = LinkTable::dense(2, {0, 0, 0, 0}, {0.0});
    BOOST_TEST((binding(short_of) == Binding::link));
}

BOOST_AUTO_TEST_CASE(an_outage_binds_where_its_end_alone_would_let_a_request_in) {
    for (auto const name : planner::names(Goal::latency)) {
        BOOST_TEST_CONTEXT(name) {
            auto const binding = [&](Instance const& instance) { return planner::plan(name, instance, {}).binding; };
            auto const down = fleet(2, 3, 1);
            auto all = down;
            for (auto& device : all.devices) device.switch_off(OffBecause::outage);
            BOOST_TEST((binding(all) == Binding::outage));
            auto empty = down;
            for (auto& device : empty.devices) {
                device.energy = Joules(0);
                device.switch_off(OffBecause::energy);
            }
            BOOST_TEST((binding(empty) == Binding::energy));
            // Neither device can take all three blocks, and their link is down.
            auto cut = down;
            cut.accuracy_threshold = 0.95;
            for (auto& device : cut.devices) device.macs = Macs(200'000'000);
            BOOST_TEST((binding(cut) == (name == "single-device" ? Binding::compute : Binding::none)));
            cut.cut_links({{DeviceId(0), DeviceId(1)}});
            BOOST_TEST((binding(cut) == (name == "single-device" ? Binding::compute : Binding::outage)));
            // Too little even if nothing were down.
            auto small = down;
            for (auto& device : small.devices) device.memory = Bytes(100);
            small.devices[1].switch_off(OffBecause::outage);
            BOOST_TEST((binding(small) == Binding::memory));
        }
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_to_blame_where_a_planner_missed_the_room_that_there_is) {
    auto instance = fleet(2, 3, 1);
    instance.devices[1].switch_off(OffBecause::outage);
    PlanResult nobody;
    nobody.requests.resize(1);
    nobody.admitted_bound = 1;
    BOOST_TEST((planner::binding_of(instance, nobody, planner::Spread::anywhere) == Binding::unknown));
    instance.devices[0].switch_off(OffBecause::outage);
    BOOST_TEST((planner::binding_of(instance, nobody, planner::Spread::anywhere) == Binding::outage));
}

BOOST_AUTO_TEST_CASE(a_source_that_is_off_lets_nothing_in) {
    for (auto const name : planner::names(Goal::latency)) {
        BOOST_TEST_CONTEXT(name) {
            auto instance = fleet(3, 3, 2);
            instance.source = DeviceId(0);
            instance.devices[0].power_transmit = Watts(0);
            BOOST_TEST(planner::plan(name, instance, {}).admitted == 2);
            auto empty = instance, down = instance;
            empty.devices[0].switch_off(OffBecause::energy);
            down.devices[0].switch_off(OffBecause::outage);
            for (auto const& [off, why] : {std::pair(empty, Binding::energy), std::pair(down, Binding::outage)}) {
                auto const result = planner::plan(name, off, {});
                BOOST_TEST(result.admitted == 0);
                BOOST_TEST(result.requests.size() == 2u);
                BOOST_TEST((result.status == PlanStatus::infeasible));
                BOOST_TEST((result.binding == why));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(weights_that_a_device_holds_need_no_memory_again) {
    for (auto const name : planner::names(Goal::latency)) {
        BOOST_TEST_CONTEXT(name) {
            auto instance = fleet(1, 3, 1);
            instance.memory = MemoryModel::resident;
            instance.accuracy_threshold = 0.95;
            instance.devices[0].memory = Bytes(4'000'000);  // of 3 MB of blocks and 3 MB of weights
            BOOST_TEST(planner::plan(name, instance, {}).admitted == 0);
            instance.devices[0].holds = {BlockId(0), BlockId(2)};
            auto const result = planner::plan(name, instance, {});
            BOOST_TEST(result.admitted == 1);
            BOOST_TEST(violations(instance, result).empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(counts_the_energy_of_receiving_at_the_receiver) {
    auto instance = fleet(2, 2, 1);
    instance.accuracy = {{{}, 0.95}};
    for (auto& device : instance.devices) {
        device.macs = Macs(100'000'000);
        device.energy = Joules(3);  // 1 J to compute, 2 J to send
        device.power_receive = Watts(20);
    }
    BOOST_TEST(planner::plan("greedy", instance, {}).admitted == 1);
    for (auto& device : instance.devices) device.power_receive = Watts(21);
    BOOST_TEST(planner::plan("greedy", instance, {}).admitted == 0);
}

BOOST_AUTO_TEST_CASE(counts_resident_weights_once_per_device) {
    auto instance = fleet(1, 3, 2);
    instance.accuracy = {{{}, 0.95}};
    instance.memory = MemoryModel::resident;
    instance.devices[0].memory = Bytes(9'000'000);  // 2 × 3 MB of activations and once 3 MB of weights
    BOOST_TEST(planner::plan("greedy", instance, {}).admitted == 2);
    instance.devices[0].memory = Bytes(8'999'999);
    BOOST_TEST(planner::plan("greedy", instance, {}).admitted == 1);
}

BOOST_AUTO_TEST_CASE(plans_large_fleets_without_touching_every_link) {
    auto instance = fleet(2000, 6, 200);
    for (auto& device : instance.devices) device.macs = Macs(300'000'000);
    instance.links = LinkTable::drawn(2000, LinkModel{}, 1, RoundId(0));
    auto const result = planner::plan("greedy", instance, {});
    BOOST_TEST(violations(instance, result).empty());
    BOOST_TEST(result.admitted == 200);
    BOOST_TEST(result.seconds < 1.0);  // all four million links would take 0.2 s for one request alone
}

BOOST_AUTO_TEST_CASE(finds_its_way_through_a_sparse_fleet) {
    // A line of devices, each of which can hold one block and reaches the next one alone.
    constexpr std::size_t devices = 60;
    auto instance = fleet(devices, 40, 1);
    instance.accuracy = {{{}, 0.95}};
    for (auto& device : instance.devices) device.macs = Macs(100'000'000);
    std::vector<double> rates(devices * devices, 0);
    for (std::size_t i = 0; i + 1 < devices; ++i) rates[i * devices + i + 1] = 1e6;
    instance.links = LinkTable::dense(devices, rates, {0.0});
    auto const result = planner::plan("greedy", instance, {});
    BOOST_TEST(violations(instance, result).empty());
    BOOST_TEST(result.admitted == 1);
}

BOOST_AUTO_TEST_CASE(has_nothing_to_plan_without_requests) {
    for (auto const* name : planners) {
        auto const result = planner::plan(name, fleet(2, 2, 0), {});
        BOOST_TEST((result.status == PlanStatus::optimal));
        BOOST_TEST(!result.objective.has_value());
        BOOST_TEST(result.requests.empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()
