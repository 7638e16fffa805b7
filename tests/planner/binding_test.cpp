// What keeps requests out, and who is connected with whom.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "brute_force.hpp"
#include "model/cost_model.hpp"
#include "planner/connection.hpp"
#include "planner/planner.hpp"
#include "random_instance.hpp"

using namespace skipstone;
using skipstone::planner::testing::random_instance;
namespace detail = skipstone::planner::testing::brute_force_detail;

namespace {

constexpr std::array constraints{Binding::memory, Binding::compute, Binding::energy, Binding::accuracy, Binding::link};

Instance without(Instance instance, Binding constraint) {
    double const infinity = std::numeric_limits<double>::infinity();
    auto const n = instance.devices.size();
    for (auto& device : instance.devices) {
        if (constraint == Binding::memory) device.memory = Bytes(std::int64_t{1} << 60);
        if (constraint == Binding::compute) device.macs = Macs(std::int64_t{1} << 60);
        if (constraint == Binding::energy) device.energy = Joules(infinity);
    }
    if (constraint == Binding::accuracy) instance.accuracy_threshold = -infinity;
    if (constraint != Binding::link) return instance;
    std::vector<double> rates(n * n, 0), latencies(n * n, 0);
    double best = 0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < n; ++k) {
            if (i == k) continue;
            rates[i * n + k] = instance.links.rate(DeviceId(i), DeviceId(k)).value();
            latencies[i * n + k] = instance.links.latency(DeviceId(i), DeviceId(k)).value();
            best = std::max(best, rates[i * n + k]);
        }
    for (auto& rate : rates)
        if (rate == 0) rate = best > 0 ? best : 1e12;
    instance.links = LinkTable::dense(n, std::move(rates), std::move(latencies));
    return instance;
}

// Whether one more request fits beside those that are admitted.
bool one_more_fits(Instance const& instance, PlanResult const& result) {
    std::vector<detail::Column> admitted;
    for (auto const& request : result.requests) {
        if (!request.admitted) continue;
        auto const option = std::ranges::find(instance.accuracy, request.dropped, &DropOption::dropped);
        admitted.push_back(
            detail::column_of(instance, static_cast<std::size_t>(option - instance.accuracy.begin()), request.devices));
    }
    for (auto const& column : detail::columns_of(instance)) {
        std::vector<detail::Column const*> chosen{&column};
        for (auto const& one : admitted) chosen.push_back(&one);
        if (detail::fits(instance, chosen)) return true;
    }
    return false;
}

bool is_true(Instance const& instance, PlanResult const& result) {
    auto const alone = [&](Binding constraint) { return one_more_fits(without(instance, constraint), result); };
    if (std::ranges::any_of(constraints, alone)) return alone(result.binding);
    auto const needed = [&](Binding constraint) {
        auto others = instance;
        for (auto const other : constraints)
            if (other != constraint) others = without(std::move(others), other);
        return !one_more_fits(others, result);
    };
    return std::ranges::none_of(constraints, needed) || needed(result.binding);
}

// Devices that are alike, without links.
Instance apart(std::size_t devices) {
    Instance instance;
    instance.alpha = instance.beta = 0.5;
    instance.requests = 1;
    for (int j = 0; j < 2; ++j)
        instance.blocks.push_back(
            {"b" + std::to_string(j), Macs(600), Bytes(100), Bytes(10), Bytes(0), Macs(0), Bytes(0)});
    instance.accuracy = {{{}, 0.9}};
    InstanceDevice device;
    device.mac_rate = MacRate(1000);
    device.memory = Bytes(150);
    device.macs = Macs(1000);
    device.energy = Joules(1e6);
    device.power_compute = device.power_transmit = Watts(1);
    for (std::size_t i = 0; i < devices; ++i) {
        device.name = "d" + std::to_string(i);
        instance.devices.push_back(device);
    }
    return instance;
}

LinkTable links_between(std::size_t devices, std::vector<std::pair<std::size_t, std::size_t>> const& pairs) {
    std::vector<double> rates(devices * devices, 0);
    for (auto const& [a, b] : pairs) rates[a * devices + b] = rates[b * devices + a] = 1e4;
    return LinkTable::dense(devices, std::move(rates), {0});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(binding)

BOOST_AUTO_TEST_CASE(names_a_constraint_that_keeps_requests_out) {
    int named = 0;
    for (std::uint64_t number = 1; number <= 3000; ++number) {
        RandomStream random(number, "binding_test");
        auto const instance = random_instance(random, {3, 4, 4, 2});
        auto const result = planner::plan(number % 2 == 0 ? "exact" : "greedy", instance, {});
        if (result.admitted == result.requested) {
            BOOST_TEST((result.binding == Binding::none));
            continue;
        }
        ++named;
        BOOST_TEST_CONTEXT("instance " << number << ", " << to_string(result.binding))
        BOOST_TEST(is_true(instance, result));
    }
    BOOST_TEST(named > 500);
}

BOOST_AUTO_TEST_CASE(a_pair_of_slow_devices_is_found_in_a_fleet_of_any_size) {
    for (std::size_t const devices : {3, 24, 25, 60, 401, 1100}) {
        auto instance = apart(devices);
        instance.devices[devices - 1].mac_rate = instance.devices[devices - 2].mac_rate = MacRate(500);
        instance.links = links_between(devices, {{devices - 2, devices - 1}});
        for (auto const* name : {"greedy", "exact"}) {
            if (devices > 401 && std::string(name) == "exact") continue;
            auto const result = planner::plan(name, instance, {});
            BOOST_TEST_CONTEXT(devices << " devices, " << name) {
                BOOST_TEST(result.admitted == 1);
                BOOST_TEST(violations(instance, result).empty());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_smaller_memory_of_one_device_binds_in_a_fleet_of_any_size) {
    for (std::size_t const devices : {3, 24, 25, 32, 200}) {
        auto instance = apart(devices);
        instance.devices[devices - 1].memory = Bytes(50);
        instance.links = links_between(devices, {{0, devices - 1}});
        auto const result = planner::plan("greedy", instance, {});
        BOOST_TEST_CONTEXT(devices << " devices") {
            BOOST_TEST(result.admitted == 0);
            BOOST_TEST(to_string(result.binding) == "memory");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_fleet_falls_into_the_parts_that_no_link_joins) {
    auto const parts = planner::parts_of(links_between(7, {{0, 3}, {3, 5}, {1, 2}}));
    BOOST_TEST(parts[0] == parts[3]);
    BOOST_TEST(parts[0] == parts[5]);
    BOOST_TEST(parts[1] == parts[2]);
    BOOST_TEST(parts[0] != parts[1]);
    BOOST_TEST(parts[4] != parts[6]);
    BOOST_TEST(parts[4] != parts[0]);
    BOOST_TEST(parts[4] != parts[1]);
}

BOOST_AUTO_TEST_SUITE_END()
