#include "emulator/dilation.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "loopback_cluster.hpp"

using namespace skipstone;
using namespace skipstone::test;
using emulator::automatic_dilation;
using emulator::rehearsed_dilation;
using emulator::sufficient_dilation;

namespace {

// Every block's kernel takes `share` of its time on a device of `mac_rate`.
std::vector<double> kernels_that_take(double share, Network const& network, double mac_rate) {
    std::vector<double> seconds;
    for (auto const& block : network.blocks())
        seconds.push_back(share * static_cast<double>(block.macs.value()) / mac_rate);
    return seconds;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dilation)

BOOST_AUTO_TEST_CASE(is_one_where_the_host_keeps_up_or_computes_nothing) {
    auto const scenario = small_scenario(1);
    Network const network(scenario.network.profile);
    BOOST_TEST(automatic_dilation(scenario, network, {}, 1, 2) == 1);
    BOOST_TEST(automatic_dilation(scenario, network, kernels_that_take(0.1, network, 4e8), 1, 2) == 1);
}

BOOST_AUTO_TEST_CASE(grows_with_the_devices_that_share_the_cores) {
    auto scenario = small_scenario(1);
    scenario.fleet[0].mac_rate = MacRate(4e6);  // every block but the head takes longer than a millisecond
    Network const network(scenario.network.profile);
    auto const seconds = kernels_that_take(1, network, 4e6);
    double const alone = automatic_dilation(scenario, network, seconds, 2, 2);
    BOOST_TEST(alone == 1.25, boost::test_tools::tolerance(0.01));
    BOOST_TEST(automatic_dilation(scenario, network, seconds, 10, 2) == 5 * alone, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(automatic_dilation(scenario, network, seconds, 10, 5) == 2 * alone, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(looks_at_the_fastest_device_and_at_measured_times) {
    auto scenario = small_scenario(2);
    scenario.fleet[0].mac_rate = MacRate(4e6);
    scenario.fleet[1].mac_rate = MacRate(8e6);
    Network const network(scenario.network.profile);
    auto const seconds = kernels_that_take(1, network, 4e6);
    double const both = automatic_dilation(scenario, network, seconds, 2, 2);
    BOOST_TEST(both == 2.5, boost::test_tools::tolerance(0.01));
    for (std::size_t j = 0; j < network.size(); ++j)
        scenario.fleet[1].compute_seconds[network.blocks()[j].name] = Seconds(10 * seconds[j]);
    BOOST_TEST(automatic_dilation(scenario, network, seconds, 2, 2) == 1.25, boost::test_tools::tolerance(0.01));
    for (auto& device : scenario.fleet) device.speedup = {{Precision::int8, 2}};
    BOOST_TEST(automatic_dilation(scenario, network, seconds, 2, 2) == 1.25, boost::test_tools::tolerance(0.01));
    scenario.network.profile.precision = Precision::int8;
    BOOST_TEST(automatic_dilation(scenario, Network(scenario.network.profile), seconds, 2, 2) == 2.5,
               boost::test_tools::tolerance(0.01));
}

BOOST_AUTO_TEST_CASE(knows_that_parts_are_handed_over_one_by_one_and_what_their_devices_were_measured_to_take) {
    auto scenario = small_scenario(1);
    scenario.fleet[0].mac_rate = MacRate(4e9);  // a network takes 10 ms
    Network const network(scenario.network.profile);
    auto const seconds = kernels_that_take(0.5, network, 4e9);
    double const whole = automatic_dilation(scenario, network, seconds, 2, 2);
    scenario.collaboration.splits = {Split::Kind::rows};
    scenario.collaboration.most_parts = 4;
    double const parts = automatic_dilation(scenario, network, seconds, 2, 2);
    BOOST_TEST(parts > 1.5 * whole);
    BlockId const block = *network.find("s2b2");
    auto const ways = splits_of(network, block, 4);
    auto const four = std::ranges::find(ways, Split{Split::Kind::rows, 4});
    BOOST_REQUIRE(four != ways.end());
    scenario.fleet[0].part_seconds[{"s2b2", *four}] = Seconds(1e-9);
    BOOST_TEST(automatic_dilation(scenario, network, seconds, 2, 2) > parts);
}

BOOST_AUTO_TEST_CASE(counts_what_handing_over_small_blocks_costs) {
    auto scenario = small_scenario(1);
    scenario.fleet[0].mac_rate = MacRate(1e12);  // a network takes 41 us
    Network const network(scenario.network.profile);
    std::vector<double> const no_time(network.size(), 0.0);
    double const few = automatic_dilation(scenario, network, no_time, 2, 2);
    BOOST_TEST(few > 10);
    BOOST_TEST(automatic_dilation(scenario, network, no_time, 20, 2) == 10 * few, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_sufficient_one_makes_late_events_punctual) {
    std::vector<double> late(1000, 0.001);
    BOOST_TEST(sufficient_dilation({}, 7, 0.01) == 1);
    BOOST_TEST(sufficient_dilation(late, 1, 0.01) == 1);
    for (int i = 0; i < 10; ++i) late[static_cast<std::size_t>(97 * i)] = 50;
    BOOST_TEST(sufficient_dilation(late, 2, 0.01) == 1);  // one in a hundred may be late
    late[1] = 0.04;
    // Late by 4 % of its length where a second takes two: by 1 % where it takes eight, and a quarter to spare.
    BOOST_TEST(sufficient_dilation(late, 2, 0.01) == 10, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(sufficient_dilation(late, 2, 0.005) == 12500, boost::test_tools::tolerance(1e-12));
}

// A host on which each event ends a constant time after its own, the longer the more ranks share a core.
BOOST_AUTO_TEST_CASE(rehearsals_find_the_dilation_that_ranks_per_core_ask_for) {
    auto const found = [](double estimate, double ranks_per_core) {
        return rehearsed_dilation(estimate, [=](double dilation) {
            return std::vector<double>(200, 50e-6 * ranks_per_core / dilation / 0.010);
        });
    };
    BOOST_TEST(found(1, 1) == 1);
    BOOST_TEST(found(3, 1) == 3);  // never below the estimate
    double const crowded = found(1, 16);
    BOOST_TEST((8 <= crowded && crowded <= 10));  // at 8 they are late by just 1 %
    BOOST_TEST((16 <= found(1, 32) && found(1, 32) <= 20));
}

// Below a dilation of 2 the work does not fit into its time, and delays add up.
BOOST_AUTO_TEST_CASE(a_rehearsal_that_was_overloaded_does_not_decide) {
    double const found =
        rehearsed_dilation(1, [](double dilation) { return std::vector<double>(200, dilation < 2 ? 50.0 : 0.001); });
    BOOST_TEST((2 <= found && found <= 4));
}

BOOST_AUTO_TEST_CASE(rehearsals_end) {
    int played = 0;
    double const found = rehearsed_dilation(1, [&](double) {
        ++played;
        return std::vector<double>(10, 1.0);  // however slow the time goes
    });
    BOOST_TEST(played == 5);
    BOOST_TEST(std::isfinite(found));
    BOOST_TEST(rehearsed_dilation(2, [](double) { return std::vector<double>(); }) == 2);
}

BOOST_AUTO_TEST_SUITE_END()
