#include "emulator/dilation.hpp"

#include <boost/test/unit_test.hpp>

#include "loopback_cluster.hpp"

using namespace skipstone;
using namespace skipstone::test;
using emulator::automatic_dilation;

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

BOOST_AUTO_TEST_CASE(counts_what_handing_over_small_blocks_costs) {
    auto scenario = small_scenario(1);
    scenario.fleet[0].mac_rate = MacRate(1e12);  // a network takes 41 us
    Network const network(scenario.network.profile);
    std::vector<double> const no_time(network.size(), 0.0);
    double const few = automatic_dilation(scenario, network, no_time, 2, 2);
    BOOST_TEST(few > 10);
    BOOST_TEST(automatic_dilation(scenario, network, no_time, 20, 2) == 10 * few, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()
