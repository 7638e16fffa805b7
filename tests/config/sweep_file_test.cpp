#include "config/sweep_file.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "support.hpp"

namespace skipstone::config {

namespace {

Sweep sweep_of(std::string const& text) {
    test::Folder const folder("sweep");
    return load_sweep(
        folder.write("s.toml", "format = \"skipstone-sweep\"\nversion = 1\nscenario = \"khan2023\"\n" + text),
        test::shipped());
}

BOOST_AUTO_TEST_CASE(combines_axes_with_the_last_one_fastest_and_seeds_fastest_of_all) {
    auto const sweep = sweep_of(
        "seeds = [5, 9]\n[grid]\nrounds.count = [1, 2]\nobjective.alpha = [0, 1]\n[[list]]\nrequests.rate = [3, 4]\n"
        "planner.gap = [0.1, 0.2]\n");
    BOOST_TEST(sweep.points.size() == 16U);
    BOOST_TEST((sweep.parameters ==
                std::vector<std::string>{"rounds.count", "objective.alpha", "requests.rate", "planner.gap"}));
    auto const scenario = scenario_of(sweep, sweep.points[11], test::shipped());  // 1, 0, second of the list, seed 9
    BOOST_TEST(scenario.rounds.count == 2);
    BOOST_TEST(scenario.objective.alpha == 0);
    BOOST_TEST(scenario.objective.beta == 1);
    BOOST_TEST(scenario.requests.rate == 4);
    BOOST_TEST(scenario.planner.gap == 0.2);
    BOOST_TEST(scenario.seed == 9U);
    BOOST_TEST(sweep.points[11].seed == 9U);
    BOOST_TEST(sweep.points[11].labels[3].text == "0.2");
    BOOST_TEST(*sweep.points[11].labels[3].number == 0.2);
}

BOOST_AUTO_TEST_CASE(lets_a_setting_take_the_place_of_its_alternative) {
    auto const sweep = sweep_of(
        "[set]\nobjective.beta = 1\nrequests.rate = 9\n[[point]]\nrequests.count = 2\nobjective.alpha = 0.25\n");
    auto const scenario = scenario_of(sweep, sweep.points.at(0), test::shipped());
    BOOST_TEST(*scenario.requests.count == 2);
    BOOST_TEST(scenario.objective.alpha == 0.25);
    BOOST_TEST(scenario.objective.beta == 0.75);
}

BOOST_AUTO_TEST_CASE(counts_repetitions_from_the_scenarios_seed) {
    auto const sweep = sweep_of("repetitions = 3\n[set]\nseed = 100\n");
    BOOST_TEST(sweep.points.size() == 3U);
    BOOST_TEST(scenario_of(sweep, sweep.points[2], test::shipped()).seed == 102U);
}

BOOST_AUTO_TEST_CASE(sets_paths_inside_what_it_sets_whole) {
    auto const sweep = sweep_of(
        "[[point]]\n\"fleet.devices[0].battery\" = \"7 J\"\nfleet.devices = {label = \"few\", value = [{profile = "
        "\"khan2023-low\", count = 2}]}\n");
    auto const scenario = scenario_of(sweep, sweep.points.at(0), test::shipped());
    BOOST_TEST(scenario.fleet.size() == 2U);
    BOOST_TEST(scenario.fleet[1].battery.value() == 7);
}

}  // namespace

}  // namespace skipstone::config
