#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string_view>

#include "brute_force.hpp"
#include "model/cost_model.hpp"
#include "planner/planner.hpp"
#include "random_instance.hpp"

using namespace skipstone;
using skipstone::planner::testing::brute_force;
using skipstone::planner::testing::InstanceSize;
using skipstone::planner::testing::random_instance;

namespace {

planner::Options to_the_end() {
    planner::Options options;
    options.gap = 0;
    return options;
}

// The n-th instance of a size that brute force can do.
Instance instance_of(std::uint64_t number) {
    constexpr InstanceSize sizes[] = {{3, 4, 4, 2}, {2, 4, 3, 3}, {4, 4, 4, 1}, {2, 6, 4, 2}, {3, 3, 3, 3}};
    RandomStream random(number, "exact_test");
    return random_instance(random, sizes[number % std::size(sizes)]);
}

// Fewer requests, or the same at a higher objective.
bool worse(PlanResult const& a, PlanResult const& b) {
    if (a.admitted != b.admitted) return a.admitted < b.admitted;
    return a.admitted > 0 && *a.objective > *b.objective + 1e-6 * *b.objective;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exact)

BOOST_AUTO_TEST_CASE(finds_the_optimum_of_small_instances_and_proves_it) {
    for (std::uint64_t number = 1; number <= 4000; ++number) {
        auto const instance = instance_of(number);
        auto const truth = brute_force(instance);
        auto const result = planner::plan("exact", instance, to_the_end());
        BOOST_TEST_CONTEXT("instance " << number) {
            for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
            BOOST_TEST(result.admitted == truth.admitted);
            BOOST_TEST(result.admitted_bound == truth.admitted);
            if (truth.admitted == 0) {
                BOOST_TEST((result.status == PlanStatus::infeasible));
                continue;
            }
            BOOST_TEST((result.status == PlanStatus::optimal));
            BOOST_TEST(*result.bound <= truth.objective * (1 + 1e-9));
            BOOST_TEST(std::abs(*result.objective - truth.objective) <= 1e-6 * truth.objective);
        }
    }
}

BOOST_AUTO_TEST_CASE(is_never_worse_than_the_baselines) {
    for (std::uint64_t number = 5001; number <= 6000; ++number) {
        RandomStream random(number, "exact_test");
        auto const instance = random_instance(random, {5, 7, 5, 4});
        auto const exact = planner::plan("exact", instance, to_the_end());
        for (auto const* name : {"greedy", "no-drop", "single-device", "ga"}) {
            if (number > 5200 && std::string_view(name) == "ga") continue;  // it takes its time
            auto const other = planner::plan(name, instance, {});
            BOOST_TEST_CONTEXT("instance " << number << ", " << name) {
                for (auto const& violation : violations(instance, other)) BOOST_ERROR(violation);
                BOOST_TEST(!worse(exact, other));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(bounds_what_it_does_not_finish) {
    int unfinished = 0;
    for (std::uint64_t number = 1; number <= 300; ++number) {
        auto const instance = instance_of(number);
        auto const truth = brute_force(instance);
        auto options = to_the_end();
        options.time_limit_s = 0;
        auto const result = planner::plan("exact", instance, options);
        BOOST_TEST_CONTEXT("instance " << number) {
            for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
            BOOST_TEST(result.admitted_bound >= truth.admitted);
            BOOST_TEST(result.admitted <= truth.admitted);
            unfinished += result.status == PlanStatus::feasible ? 1 : 0;
            if (result.admitted == truth.admitted && truth.admitted > 0)
                BOOST_TEST(*result.bound <= truth.objective * (1 + 1e-9));
        }
    }
    BOOST_TEST(unfinished > 0);
}

BOOST_AUTO_TEST_CASE(drops_nothing_that_need_not_be_dropped_when_only_accuracy_counts) {
    int whole = 0, dropped = 0;
    for (std::uint64_t number = 1; number <= 1000; ++number) {
        auto instance = instance_of(number);
        instance.alpha = 0;
        instance.beta = 1;
        auto const best = planner::plan("exact", instance, to_the_end());
        auto const undropped = planner::plan("no-drop", instance, {});
        if (best.admitted == 0 || undropped.admitted < best.admitted) {
            ++dropped;
            continue;
        }
        ++whole;
        BOOST_TEST_CONTEXT("instance " << number)
        for (auto const& request : best.requests) BOOST_TEST((!request.admitted || request.dropped.empty()));
    }
    BOOST_TEST(whole > 100);
    BOOST_TEST(dropped > 100);
}

BOOST_AUTO_TEST_CASE(is_never_worse_off_with_more_resources) {
    int better = 0;
    for (std::uint64_t number = 1; number <= 1000; ++number) {
        auto const instance = instance_of(number);
        auto const before = planner::plan("exact", instance, to_the_end());
        if (before.admitted > 0 && before.status != PlanStatus::optimal) continue;
        auto richer = instance;
        auto& device = richer.devices[number % richer.devices.size()];
        switch (number % 4) {
            case 0:
                device.energy = device.energy * 2 + Joules(1);
                break;
            case 1:
                device.macs = Macs(device.macs.value() * 2 + 50'000'000);
                break;
            case 2:
                device.memory = Bytes(device.memory.value() * 2 + 1'000'000);
                break;
            default: {
                auto const n = richer.devices.size();
                std::vector<double> rates(n * n, 0), latencies(n * n, 0);
                for (std::size_t i = 0; i < n; ++i)
                    for (std::size_t k = 0; k < n; ++k) {
                        if (i == k) continue;
                        rates[i * n + k] = 2 * instance.links.rate(DeviceId(i), DeviceId(k)).value() + 1e6;
                        latencies[i * n + k] = instance.links.latency(DeviceId(i), DeviceId(k)).value();
                    }
                richer.links = LinkTable::dense(n, rates, latencies);
            }
        }
        auto const after = planner::plan("exact", richer, to_the_end());
        BOOST_TEST_CONTEXT("instance " << number) {
            BOOST_TEST(!worse(after, before));
        }
        better += worse(before, after) ? 1 : 0;
    }
    BOOST_TEST(better > 50);
}

BOOST_AUTO_TEST_CASE(gives_the_same_plan_twice) {
    for (std::uint64_t number = 1; number <= 200; ++number) {
        RandomStream random(number, "exact_test");
        auto const instance = random_instance(random, {5, 7, 5, 4});
        auto const first = planner::plan("exact", instance, {}), second = planner::plan("exact", instance, {});
        BOOST_TEST((first.objective == second.objective));
        BOOST_TEST((first.bound == second.bound));
        BOOST_REQUIRE(first.requests.size() == second.requests.size());
        for (std::size_t r = 0; r < first.requests.size(); ++r)
            BOOST_TEST((first.requests[r].devices == second.requests[r].devices));
    }
}

BOOST_AUTO_TEST_SUITE_END()
