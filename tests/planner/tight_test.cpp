// Rounds that fill their devices to the last block, and what planners say where they find no plan.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "brute_force.hpp"
#include "fleet.hpp"
#include "model/cost_model.hpp"
#include "planner/choice.hpp"
#include "planner/planner.hpp"
#include "planner/tight_packing.hpp"
#include "random_instance.hpp"

using namespace skipstone;
using skipstone::planner::testing::brute_force;
using skipstone::planner::testing::fleet;
using skipstone::planner::testing::InstanceSize;
using skipstone::planner::testing::random_instance;

namespace {

// ResNet-50's blocks at 224 x 224: millions of MACs. Blocks in the middle of a stage may be dropped.
constexpr std::int64_t resnet50[] = {118, 231, 218, 218, 372, 218, 218, 218, 372,
                                     218, 218, 218, 218, 218, 372, 218, 218, 2};

Instance resnet(int devices, int requests) {
    auto instance = fleet(devices, static_cast<int>(std::size(resnet50)), requests);
    for (std::size_t j = 0; j < std::size(resnet50); ++j) {
        instance.blocks[j].macs = Macs(resnet50[j] * 1'000'000);
        instance.blocks[j].memory = Bytes(resnet50[j] * 20'000 + static_cast<std::int64_t>(j) * 1000);
    }
    instance.accuracy = {{{}, 0.95},
                         {{BlockId(2)}, 0.94},
                         {{BlockId(6), BlockId(11)}, 0.92},
                         {{BlockId(3), BlockId(12), BlockId(16)}, 0.90}};
    return instance;
}

// Devices that are filled to the last MAC by one way to place the requests, which is drawn at random.
Instance planted(RandomStream& random, bool memory_too) {
    auto const devices = static_cast<int>(3 + random.below(6)), requests = static_cast<int>(1 + random.below(3));
    auto instance = resnet(devices, requests);
    std::vector<std::int64_t> macs(static_cast<std::size_t>(devices), 0), memory(macs);
    auto const& fewest = instance.accuracy.back().dropped;
    for (int r = 0; r < requests; ++r)
        for (std::size_t j = 0; j < instance.blocks.size(); ++j) {
            if (std::ranges::count(fewest, BlockId(j)) > 0) continue;
            auto const i = static_cast<std::size_t>(random.below(devices));
            macs[i] += instance.blocks[j].macs.value();
            memory[i] += instance.blocks[j].memory.value();
        }
    for (std::size_t i = 0; i < macs.size(); ++i) {
        instance.devices[i].macs = Macs(macs[i]);
        if (memory_too) instance.devices[i].memory = Bytes(memory[i]);
        instance.devices[i].mac_rate = MacRate(random.uniform(0.5e9, 2e9));
    }
    return instance;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tight)

BOOST_AUTO_TEST_CASE(the_only_plans_are_found_and_none_is_denied) {
    for (std::uint64_t number = 0; number < 30; ++number) {
        RandomStream random(number, "tight_test");
        auto const instance = planted(random, number % 2 == 1);
        auto const result = planner::plan("exact", instance, {});
        BOOST_TEST_CONTEXT("instance " << number) {
            for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
            BOOST_TEST(result.admitted_bound == instance.requests);
        }
        // Three requests without a MAC to spare may be too many; up to two are not.
        if (instance.requests <= 2) BOOST_TEST(result.admitted == instance.requests);
    }
}

BOOST_AUTO_TEST_CASE(four_devices_for_one_network_with_two_blocks_dropped) {
    auto instance = resnet(4, 1);
    for (auto& device : instance.devices) device.macs = Macs(900'000'000);
    auto const result = planner::plan("exact", instance, {});
    BOOST_TEST(result.admitted == 1);
    BOOST_TEST(violations(instance, result).empty());
    // 860 are enough in sum, but no blocks add up to more than 823 on one device: 231 + 372 + 218 + 2.
    for (auto& device : instance.devices) device.macs = Macs(860'000'000);
    auto const none = planner::plan("exact", instance, {});
    BOOST_TEST(none.admitted == 0);
    BOOST_TEST((none.status == PlanStatus::infeasible));
}

BOOST_AUTO_TEST_CASE(packing_agrees_with_brute_force) {
    int plans = 0, proofs = 0, neither = 0;
    for (std::uint64_t number = 1; number <= 1500; ++number) {
        constexpr InstanceSize sizes[] = {{3, 4, 4, 2}, {2, 4, 3, 3}, {4, 4, 4, 1}, {2, 6, 4, 2}, {3, 3, 3, 3}};
        RandomStream random(number, "tight_test");
        auto instance = random_instance(random, sizes[number % std::size(sizes)]);
        if (number % 3 == 0) planner::testing::add_exits(instance, random);
        auto const choices = planner::choices_of(instance);
        auto const truth = brute_force(instance);
        planner::Budget budget(1e9);
        auto const packing =
            planner::pack_tightly(instance, choices, static_cast<std::size_t>(instance.requests), budget);
        BOOST_TEST_CONTEXT("instance " << number) {
            BOOST_TEST(!(packing.plan && packing.impossible));
            if (packing.plan) {
                auto const result = planner::result_of(instance, choices, *packing.plan);
                for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
                BOOST_TEST(truth.admitted == instance.requests);
            }
            if (packing.impossible) BOOST_TEST(truth.admitted < instance.requests);
        }
        ++(packing.plan ? plans : packing.impossible ? proofs : neither);
    }
    BOOST_TEST(plans > 300);
    BOOST_TEST(proofs > 300);
    BOOST_TEST(neither < 400);
}

BOOST_AUTO_TEST_CASE(nobody_says_infeasible_where_there_is_a_plan) {
    int unknown = 0;
    for (std::uint64_t number = 0; number < 60; ++number) {
        RandomStream random(number, "tight_test");
        auto const instance = planted(random, number % 2 == 1);
        for (auto const* name : {"greedy", "no-drop", "single-device"}) {
            auto const result = planner::plan(name, instance, {});
            BOOST_TEST_CONTEXT("instance " << number << ", " << name) {
                BOOST_TEST((result.status != PlanStatus::infeasible));
                BOOST_TEST((result.admitted == instance.requests) == (result.binding == Binding::none));
                if (result.admitted == 0) ++unknown;
            }
        }
    }
    BOOST_TEST(unknown > 20);
}

BOOST_AUTO_TEST_SUITE_END()
