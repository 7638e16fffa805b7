// Blocks in parts, on real nodes: what comes out does not depend on who computes what.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "split_rounds.hpp"

using namespace skipstone;
using namespace skipstone::test;

namespace {

Scenario scenario_of(int devices) {
    auto scenario = small_scenario(devices);
    for (auto& device : scenario.fleet) device.mac_rate = MacRate(4e9);
    return scenario;
}

std::size_t joins(std::vector<emulator::RoundCourse> const& rounds) {
    std::size_t number = 0;
    for (auto const& round : rounds)
        for (auto const& job : round.jobs)
            number += static_cast<std::size_t>(std::ranges::count_if(job.work.tasks, &Task::joins));
    return number;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(splits)

BOOST_AUTO_TEST_CASE(parts_are_fed_the_right_boxes_however_the_devices_are_spread) {
    auto scenario = scenario_of(7);
    Network const network(scenario.network.profile);
    scenario.rounds.count = 6;
    auto const rounds = random_split_rounds(scenario, network, 6, 4, 1);
    BOOST_TEST(joins(rounds) > 50u);
    auto const expected = whole_logits(rounds, network);
    for (int const nodes : {1, 2, 3, 7, 9}) {
        BOOST_TEST_CONTEXT(nodes << " nodes") {
            auto const run = run_loopback(scenario, {.nodes = nodes, .next = in_turn(rounds)});
            BOOST_REQUIRE(run.results.size() == rounds.size());
            BOOST_TEST((run.logits == expected));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_computation_has_its_host_time) {
    auto scenario = scenario_of(4);
    Network const network(scenario.network.profile);
    scenario.rounds.count = 2;
    auto const rounds = random_split_rounds(scenario, network, 2, 3, 20);
    auto const run = run_loopback(scenario, {.nodes = 2, .next = in_turn(rounds)});
    for (auto const& result : run.results)
        for (auto const& event : result.course.events)
            if (event.kind == EventKind::compute) BOOST_TEST(event.host_end_s >= event.host_begin_s);
}

BOOST_AUTO_TEST_CASE(kernels_off_sends_nothing_and_ends) {
    auto scenario = scenario_of(4);
    Network const network(scenario.network.profile);
    scenario.rounds.count = 2;
    scenario.emulation.kernels = false;
    auto const rounds = random_split_rounds(scenario, network, 2, 3, 30);
    auto const run = run_loopback(scenario, {.nodes = 3, .next = in_turn(rounds)});
    BOOST_TEST(run.results.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_wall_clock_waits_for_parts_and_joins_and_gives_the_same_logits) {
    for (bool const kernels : {true, false}) {
        auto scenario = scenario_of(5);
        Network const network(scenario.network.profile);
        scenario.rounds.count = 2;
        scenario.emulation.clock = ClockKind::wall;
        scenario.emulation.kernels = kernels;
        auto const rounds = random_split_rounds(scenario, network, 2, 3, 40);
        constexpr double dilation = 4;
        auto const run = run_loopback(scenario, {.nodes = 5, .dilation = dilation, .next = in_turn(rounds)});
        BOOST_REQUIRE(run.results.size() == 2u);
        if (kernels) BOOST_TEST((run.logits == whole_logits(rounds, network)));
        for (auto const& result : run.results)
            for (auto const& event : result.course.events) {
                if (event.kind == EventKind::wait) continue;
                // Each computation and each transfer was carried out, and none was early.
                auto const begin = result.course.state.start.value();
                double const due = result.host_start_s + (event.end_s - begin) * dilation;
                BOOST_TEST(event.host_end_s >= due - 1e-9);
                BOOST_TEST(event.host_end_s < due + 5);
            }
    }
}

BOOST_AUTO_TEST_CASE(requests_with_many_parts_are_under_way_only_as_memory_allows) {
    auto scenario = scenario_of(3);
    Network const network(scenario.network.profile);
    scenario.rounds.count = 1;
    auto const rounds = random_split_rounds(scenario, network, 1, 150, 50);
    auto const run = run_loopback(scenario, {.nodes = 2, .next = in_turn(rounds)});
    BOOST_TEST((run.logits == whole_logits(rounds, network)));
}

BOOST_AUTO_TEST_SUITE_END()
