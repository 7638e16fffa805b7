// Numbers of every size that an instance file can hold: no planner may abort, or claim what is not so.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "brute_force.hpp"
#include "model/cost_model.hpp"
#include "planner/planner.hpp"
#include "random_instance.hpp"

using namespace skipstone;
using skipstone::planner::testing::brute_force;
using skipstone::planner::testing::random_instance;

namespace {

// The ends of what config reads from an instance.
constexpr double least = 1e-24, most = 1e24;
constexpr std::int64_t most_amount = largest_amount;
// No sum of these comes so close to the largest amount that it would be a matter of rounding whether it fits.
constexpr std::int64_t most_of_block = most_amount / 11 * 2;

struct Extremes {
    RandomStream& random;
    double share;  // of numbers that are made extreme

    bool here() { return random.uniform() < share; }
    double number() {
        constexpr std::array ends{least, 1e-18, 1e-12, 1e-6, 1e6, 1e12, 1e18, most};
        return random.below(2) == 0 ? ends[static_cast<std::size_t>(random.below(ends.size()))]
                                    : std::pow(10, random.uniform(-24, 24));
    }
    void change(double& value) {
        if (here()) value = number();
    }
    template <class Q>
    void change_real(Q& quantity) {
        if (here()) quantity = Q(number());
    }
    template <class Q>
    void change_whole(Q& quantity, std::int64_t largest) {
        if (!here()) return;
        std::array const ends{std::int64_t{0}, std::int64_t{1}, largest};
        quantity = Q(ends[static_cast<std::size_t>(random.below(ends.size()))]);
    }
};

// A small instance, some of whose numbers are as large or small as a file may have them.
Instance extreme_instance(RandomStream& random) {
    auto instance = random_instance(random, {3, 4, 4, 2});
    constexpr std::array shares{0.02, 0.1, 0.4};
    Extremes extremes{random, shares[static_cast<std::size_t>(random.below(shares.size()))]};
    constexpr std::array alphas{0.0, 1e-300, 1e-12, 0.5, 1 - 1e-12, 1.0};
    if (extremes.here()) {
        instance.alpha = alphas[static_cast<std::size_t>(random.below(alphas.size()))];
        instance.beta = 1 - instance.alpha;
    }
    extremes.change_real(instance.reference_latency);
    extremes.change_whole(instance.input, most_of_block);
    for (auto& option : instance.accuracy)
        if (extremes.here()) option.accuracy = random.below(2) == 0 ? 1 : 1e-300;
    for (auto& block : instance.blocks) {
        extremes.change_whole(block.macs, most_of_block);
        extremes.change_whole(block.memory, most_of_block);
        extremes.change_whole(block.output, most_of_block);
        extremes.change_whole(block.weights, most_of_block);
        block.skip_macs = std::min(block.skip_macs, block.macs);
    }
    for (auto& device : instance.devices) {
        extremes.change_real(device.mac_rate);
        extremes.change_whole(device.memory, most_amount);
        extremes.change_whole(device.macs, most_amount);
        extremes.change_real(device.energy);
        if (extremes.here()) device.energy = Joules(std::numeric_limits<double>::infinity());  // mains supply
        extremes.change_real(device.power_compute);
        extremes.change_real(device.power_transmit);
        extremes.change_real(device.power_receive);
        for (auto& time : device.compute)
            if (time) extremes.change_real(*time);
    }
    auto const n = instance.devices.size();
    std::vector<double> rates(n * n, 0), latencies(n * n, 0);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < n; ++k) {
            if (i == k) continue;
            rates[i * n + k] = instance.links.rate(DeviceId(i), DeviceId(k)).value();
            latencies[i * n + k] = instance.links.latency(DeviceId(i), DeviceId(k)).value();
            if (rates[i * n + k] > 0) extremes.change(rates[i * n + k]);
            extremes.change(latencies[i * n + k]);
        }
    instance.links = LinkTable::dense(n, std::move(rates), std::move(latencies));
    return instance;
}

double seconds_to_spend() {
    char const* const text = std::getenv("SKIPSTONE_FUZZ_SECONDS");
    return text ? std::atof(text) : 3;
}

std::uint64_t first_seed() {
    char const* const text = std::getenv("SKIPSTONE_FUZZ_SEED");
    return text ? std::strtoull(text, nullptr, 10) : 1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(extreme)

// Runs for SKIPSTONE_FUZZ_SECONDS (3), from the instance of SKIPSTONE_FUZZ_SEED (1) on.
BOOST_AUTO_TEST_CASE(no_number_aborts_a_planner_or_makes_it_claim_too_much) {
    auto const until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds_to_spend());
    auto const seed = first_seed();
    int tried = 0;
    for (auto number = seed; tried < 5 || std::chrono::steady_clock::now() < until; ++number, ++tried) {
        RandomStream random(number, "extreme_test");
        auto const instance = extreme_instance(random);
        auto const truth = brute_force(instance);
        for (auto const name : planner::names(Goal::latency)) {
            if (name == "ga" && number % 10 != 0) continue;  // it takes its time
            BOOST_TEST_CONTEXT("instance " << number << ", " << name) {
                auto const result = planner::plan(name, instance, {});
                for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
                BOOST_TEST(result.admitted <= truth.admitted);
                if (name == "exact" || name == "contention" || name == "milp")
                    BOOST_TEST(result.admitted_bound >= truth.admitted);
                if (result.status == PlanStatus::optimal) BOOST_TEST(result.admitted == truth.admitted);
                if (result.admitted == 0) continue;
                BOOST_TEST(std::isfinite(*result.objective));
                if (!result.bound) continue;
                BOOST_TEST(std::isfinite(*result.bound));
                if (result.admitted == truth.admitted)
                    BOOST_TEST(*result.bound <= truth.objective * (1 + 1e-6) + 1e-12);
                if (result.status == PlanStatus::optimal)
                    BOOST_TEST(*result.objective <= truth.objective * (1 + 3e-6) + 1e-12);
            }
        }
    }
    BOOST_TEST_MESSAGE("instances " << seed << " to " << seed + static_cast<std::uint64_t>(tried) - 1);
}

BOOST_AUTO_TEST_SUITE_END()
