#include "emulator/course.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "loopback_cluster.hpp"
#include "timeline/timeline.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::test;
using emulator::Course;
using emulator::RoundCourse;

namespace {

// One device that can run one whole request a second, in a round of exactly `requests`.
Scenario one_device(int requests) {
    auto scenario = small_scenario(1);
    auto const macs = Network(scenario.network.profile).total_macs();
    scenario.fleet[0].mac_rate = MacRate(static_cast<double>(macs.value()));
    scenario.fleet[0].macs_per_round = Macs(100 * macs.value());
    scenario.fleet[0].memory = Bytes(1'000'000'000);
    scenario.objective.alpha = 0;  // nothing is dropped
    scenario.objective.beta = 1;
    scenario.planner.name = "greedy";
    scenario.requests.count = requests;
    return scenario;
}

RoundCourse first_round(Scenario const& scenario) {
    return Course(scenario, Network(scenario.network.profile)).next();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(course)

BOOST_AUTO_TEST_CASE(work_and_idling_drain_the_battery) {
    auto scenario = one_device(2);
    scenario.fleet[0].power.idle = Watts(1);
    scenario.rounds.period = Seconds(10);
    Course rounds(scenario, Network(scenario.network.profile));
    auto const first = rounds.next();
    BOOST_TEST(first.end.value() == 2, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(first.next_start.value() == 10);
    BOOST_TEST(first.battery[0].value() == 1000 - 2 * 8 - 8 * 1, boost::test_tools::tolerance(1e-12));
    auto const second = rounds.next();
    BOOST_TEST(second.state.start.value() == 10);
    BOOST_TEST(second.state.battery[0].value() == first.battery[0].value());
    BOOST_TEST(second.battery[0].value() == 1000 - 2 * 24, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_device_that_idles_until_it_is_empty_switches_off_and_gets_no_more_work) {
    auto scenario = one_device(1);
    scenario.fleet[0].power.idle = Watts(1);
    scenario.fleet[0].battery = Joules(25);
    scenario.rounds.period = Seconds(10);  // 8 J of work, 9 J of idling
    Course rounds(scenario, Network(scenario.network.profile));
    BOOST_TEST(rounds.next().battery[0].value() == 8, boost::test_tools::tolerance(1e-12));
    auto const second = rounds.next();
    BOOST_TEST(second.plan.admitted == 0);
    BOOST_REQUIRE(second.outages.size() == 1);
    BOOST_TEST(second.outages[0].device.index() == 0);
    BOOST_TEST(second.outages[0].begin.value() == 10 + 8, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(second.battery[0].value() == 0);
    auto const third = rounds.next();
    BOOST_TEST(third.plan.admitted == 0);
    BOOST_TEST(third.outages.empty());
    BOOST_TEST(third.battery[0].value() == 0);
}

BOOST_AUTO_TEST_CASE(a_battery_that_just_suffices_is_used_up) {
    auto scenario = one_device(1);
    double const energy = 8.0;
    scenario.fleet[0].battery = Joules(energy * (1 - 1e-12));  // within what planners take for rounding
    auto const round = first_round(scenario);
    BOOST_TEST(round.plan.admitted == 1);
    BOOST_TEST(round.battery[0].value() == 0);
    BOOST_TEST(round.outages.empty());
}

BOOST_AUTO_TEST_CASE(keeps_back_what_idling_before_the_work_costs) {
    // Work costs nothing, idling does: the request comes too late for the battery, however little is planned.
    auto scenario = one_device(1);
    scenario.requests.arrivals = Arrivals::spread;
    scenario.rounds.period = Seconds(1000);
    scenario.fleet[0].power = {Watts(0), Watts(0), Watts(0), Watts(1)};
    scenario.fleet[0].battery = Joules(1e-3);
    auto const round = first_round(scenario);
    BOOST_TEST(round.plan.admitted == 0);
    BOOST_REQUIRE(round.outages.size() == 1);
    BOOST_TEST(round.outages[0].begin.value() == 1e-3, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(the_ledger_is_the_energy_of_the_events) {
    auto scenario = small_scenario(4);
    for (auto& device : scenario.fleet) device.power = {Watts(8), Watts(10), Watts(3), Watts(1)};
    Course rounds(scenario, Network(scenario.network.profile));
    for (int i = 0; i < 3; ++i) {
        auto const round = rounds.next();
        std::vector<Powers> powers;
        for (auto const& device : scenario.fleet) powers.push_back(device.power);
        auto const spent = timeline::energy_of(round.events, powers, round.state.start, round.next_start);
        for (std::size_t d = 0; d < spent.size(); ++d)
            BOOST_TEST((round.state.battery[d] - round.battery[d]).value() == spent[d].value(),
                       boost::test_tools::tolerance(1e-9));
    }
}

BOOST_AUTO_TEST_CASE(rejected_requests_are_tried_again_with_their_images_and_arrivals) {
    auto scenario = one_device(3);
    scenario.fleet[0].macs_per_round = Macs(2 * Network(scenario.network.profile).total_macs().value());
    scenario.requests.on_reject = OnReject::retry;
    Course rounds(scenario, Network(scenario.network.profile));
    auto const first = rounds.next();
    BOOST_REQUIRE(first.plan.admitted == 2);
    std::size_t rejected = 0;
    while (first.plan.requests[rejected].admitted) ++rejected;
    auto const second = rounds.next();
    BOOST_REQUIRE(second.state.requests.size() == 4);
    auto const& again = second.state.requests[0];
    BOOST_TEST(again.attempt == 2);
    BOOST_TEST(again.image == first.state.requests[rejected].image);
    BOOST_TEST(again.arrival.value() == first.state.requests[rejected].arrival.value());
    for (std::size_t r = 1; r < 4; ++r) {
        BOOST_TEST(second.state.requests[r].attempt == 1);
        BOOST_TEST(second.state.requests[r].image == static_cast<std::int64_t>(2 + r));
    }
}

BOOST_AUTO_TEST_CASE(rejected_requests_are_gone_by_default) {
    auto scenario = one_device(3);
    scenario.fleet[0].macs_per_round = Macs(2 * Network(scenario.network.profile).total_macs().value());
    Course rounds(scenario, Network(scenario.network.profile));
    rounds.next();
    BOOST_TEST(rounds.next().state.requests.size() == 3);
}

BOOST_AUTO_TEST_CASE(charged_planning_time_delays_the_round) {
    auto scenario = one_device(1);
    scenario.planner.charge = true;
    scenario.planner.charge_time = Seconds(0.25);
    auto const round = first_round(scenario);
    BOOST_TEST(round.times.jobs[0].tasks[0].begin.value() == 0.25);
    BOOST_TEST(round.end.value() == 1.25, boost::test_tools::tolerance(1e-12));
    scenario.requests.count = 0;
    BOOST_TEST(first_round(scenario).end.value() == 0.25);
}

BOOST_AUTO_TEST_CASE(measured_planning_times_are_refused_under_the_virtual_clock) {
    auto scenario = one_device(1);
    scenario.planner.charge = true;
    BOOST_CHECK_EXCEPTION(first_round(scenario), InputError, [](auto const& e) {
        return std::string(e.what()).find("planner.charge") != std::string::npos;
    });
    scenario.emulation.clock = ClockKind::wall;
    auto const round = first_round(scenario);
    BOOST_TEST(round.charge.value() == round.plan.seconds);
}

BOOST_AUTO_TEST_CASE(spread_requests_begin_when_they_arrive) {
    auto scenario = one_device(4);
    scenario.requests.arrivals = Arrivals::spread;
    scenario.rounds.period = Seconds(100);
    auto const round = first_round(scenario);
    BOOST_REQUIRE(round.jobs.size() == 4);
    Seconds before{-1};
    for (std::size_t j = 0; j < round.jobs.size(); ++j) {
        Seconds const arrival = round.state.requests[j].arrival;
        BOOST_TEST((arrival > before && arrival < Seconds(100)));
        BOOST_TEST((round.times.jobs[j].tasks[0].begin >= arrival));
        before = arrival;
    }
    BOOST_TEST(round.times.jobs[0].tasks[0].begin.value() == round.state.requests[0].arrival.value());
    BOOST_TEST(round.next_start.value() == std::max(100.0, round.end.value()));
}

BOOST_AUTO_TEST_CASE(requests_of_a_closed_stream_arrive_when_there_is_room_for_them) {
    auto scenario = one_device(5);
    scenario.requests.arrivals = Arrivals::closed;
    scenario.requests.in_flight = 2;
    auto const round = first_round(scenario);
    BOOST_REQUIRE(round.jobs.size() == 5);
    for (std::size_t r = 0; r < 5; ++r)
        BOOST_TEST(round.state.requests[r].arrival.value() == (r < 2 ? 0 : round.times.jobs[r - 2].finish.value()));
}

BOOST_AUTO_TEST_CASE(rounds_follow_one_another_at_once_or_when_the_period_is_over) {
    auto scenario = one_device(2);
    auto const follows = [&](double period) {
        scenario.rounds.period = Seconds(period);
        return first_round(scenario).next_start.value();
    };
    BOOST_TEST(follows(0) == 2, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(follows(1.5) == 2, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(follows(2.5) == 2.5);
}

BOOST_AUTO_TEST_CASE(a_round_that_an_outage_keeps_empty_lasts_until_a_device_is_back) {
    auto scenario = one_device(1);
    DeviceId const only(std::size_t{0});
    scenario.faults.schedule = {{Seconds(0), Seconds(3), only, DeviceId(), "schedule"},
                                {Seconds(2), Seconds(5), only, DeviceId(), "schedule"}};
    Course rounds(scenario, Network(scenario.network.profile));
    auto const first = rounds.next();
    BOOST_TEST(first.plan.admitted == 0);
    BOOST_TEST((first.plan.binding == Binding::outage));
    BOOST_TEST(first.end.value() == 0);
    BOOST_TEST(first.next_start.value() == 5);  // two outages that overlap are one
    BOOST_TEST(rounds.next().plan.admitted == 1);
    scenario.requests.count = 0;  // nobody is kept out
    BOOST_TEST(first_round(scenario).next_start.value() == 0);
    scenario.requests.count = 1;
    scenario.fleet[0].battery = Joules(0);  // its end would not help
    BOOST_TEST(first_round(scenario).next_start.value() == 0);
}

BOOST_AUTO_TEST_CASE(a_round_without_requests_takes_no_time) {
    auto const round = first_round(one_device(0));
    BOOST_TEST(round.end.value() == 0);
    BOOST_TEST(round.events.empty());
    BOOST_TEST(round.plan.requested == 0);
}

BOOST_AUTO_TEST_SUITE_END()
