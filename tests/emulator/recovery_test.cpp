#include "emulator/recovery.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <set>

#include "emulator/recorder.hpp"
#include "loopback_cluster.hpp"

using namespace skipstone;
using namespace skipstone::test;
using emulator::Course;
using emulator::RoundCourse;

namespace {

constexpr double for_good = std::numeric_limits<double>::infinity();

Outage outage(DeviceId device, double begin, double end, DeviceId peer = {}) {
    return {Seconds(begin), Seconds(end), device, peer, "schedule"};
}

// One request a round on six devices of little capacity each; accuracy alone counts, so that nothing is dropped.
Scenario one_request() {
    auto scenario = small_scenario(6);
    scenario.requests.count = 1;
    scenario.objective.alpha = 0;
    scenario.objective.beta = 1;
    return scenario;
}

Scenario with_outage(Scenario scenario, Outage outage, std::vector<Remedy> remedies) {
    scenario.faults.schedule.push_back(std::move(outage));
    scenario.faults.remedies = std::move(remedies);
    return scenario;
}

RoundCourse first_round(Scenario const& scenario) {
    return Course(scenario, Network(scenario.network.profile)).next();
}

// The request's task for a block, when nothing fails, and when it runs.
struct Place {
    Task task;
    timeline::TaskTimes times;
    double middle() const { return (times.begin.value() + times.end.value()) / 2; }
};
Place place_of(RoundCourse const& round, Network const& network, char const* block) {
    auto const& tasks = round.jobs.at(0).work.tasks;
    auto const found = std::ranges::find(tasks, *network.find(block), &Task::block);
    BOOST_REQUIRE(found != tasks.end());
    return {*found, round.times.jobs.at(0).tasks.at(static_cast<std::size_t>(found - tasks.begin()))};
}

std::size_t blocks_on(RoundCourse const& round, DeviceId device) {
    return static_cast<std::size_t>(std::ranges::count(round.plan.requests.at(0).devices, device));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recovery)

BOOST_AUTO_TEST_CASE(a_block_whose_device_failed_is_skipped_where_the_table_knows_it) {
    auto scenario = one_request();
    scenario.fleet.resize(1);  // all on one device but for s2b2, which a second one runs alone
    scenario.fleet[0].macs_per_round = Macs(1'000'000'000);
    scenario.fleet[0].memory = Bytes(100'000'000);
    Network const network(scenario.network.profile);
    auto const s2b2 = *network.find("s2b2");
    Course course(scenario, network);
    auto const round = course.next();
    // The plan by hand: the second device is there for s2b2.
    auto instance = course.instance();
    instance.devices.push_back(instance.devices[0]);
    instance.devices.push_back(instance.devices[0]);
    instance.links = LinkTable::dense(3, std::vector<double>(9, 8e6), {0});
    auto plan = round.plan;
    plan.requests[0].devices[s2b2.index()] = DeviceId(std::size_t{1});
    scenario.faults.schedule = {outage(DeviceId(std::size_t{1}), 0, for_good)};
    Faults const faults(scenario.faults, 1);
    RoundFaults const round_faults(faults, RoundId(0), Seconds(0));
    emulator::Recovery recover(scenario, instance, plan, round_faults, {});
    auto const jobs = timeline::jobs_of(instance, plan, {Seconds(0)}, Seconds(0));
    timeline::Conditions const conditions{.round = RoundId(0), .links = instance.links};
    auto const carried_out = timeline::simulate(jobs, conditions, round_faults, std::ref(recover));
    BOOST_REQUIRE(carried_out.jobs.size() == 1u);
    BOOST_REQUIRE(recover.revisions().size() == 1u);
    auto const& revised = recover.revisions()[0];
    BOOST_TEST(revised.number == 1);
    BOOST_TEST((revised.plan.dropped == std::vector<BlockId>{s2b2}));
    BOOST_TEST(revised.plan.accuracy == 0.85);
    BOOST_TEST(!revised.plan.devices[s2b2.index()]);
    BOOST_TEST(carried_out.jobs[0].work.tasks.size() == network.size() - 1);

    // Below the threshold it is not skipped but planned anew, on the third device or the first.
    instance.accuracy_threshold = 0.86;
    emulator::Recovery plan_anew(scenario, instance, plan, round_faults, {});
    auto const again = timeline::simulate(jobs, conditions, round_faults, std::ref(plan_anew));
    BOOST_REQUIRE(plan_anew.revisions().size() == 1u);
    BOOST_TEST(plan_anew.revisions()[0].plan.dropped.empty());
    BOOST_TEST(plan_anew.revisions()[0].plan.accuracy == 0.9);
    BOOST_TEST(again.jobs.at(0).work.tasks.size() == network.size());
}

BOOST_AUTO_TEST_CASE(work_that_is_lost_is_planned_anew_on_the_devices_left) {
    auto const scenario = one_request();
    Network const network(scenario.network.profile);
    auto const quiet = first_round(scenario);
    auto const lost = place_of(quiet, network, "s3b2");
    auto const round =
        first_round(with_outage(scenario, outage(lost.task.device, lost.middle(), for_good), {Remedy::replan}));
    BOOST_REQUIRE(round.jobs.size() == 1u);
    BOOST_REQUIRE(round.revisions.size() == 1u);
    auto const& revised = round.revisions[0].plan;
    BOOST_TEST(std::ranges::count(revised.devices, lost.task.device) == 0);
    // Of the capacity of the others it takes what is left.
    for (std::size_t d = 0; d < scenario.fleet.size(); ++d) {
        Macs used(0);
        for (std::size_t b = 0; b < network.size(); ++b)
            if (revised.devices[b] == DeviceId(d)) used += network.block(BlockId(b)).macs;
        BOOST_TEST(used.value() <= scenario.fleet[d].macs_per_round.value());
    }
    BOOST_TEST(round.times.jobs[0].finish.value() > quiet.times.jobs[0].finish.value());
    BOOST_TEST(std::ranges::any_of(round.events, [&](Event const& e) {
        return e.kind == EventKind::compute && (e.flags & event_flags::failed) &&
               e.device == lost.task.device.value() && e.end_s == lost.middle();
    }));
}

BOOST_AUTO_TEST_CASE(without_a_remedy_the_request_fails_and_the_trace_says_so) {
    auto const scenario = one_request();
    Network const network(scenario.network.profile);
    auto const lost = place_of(first_round(scenario), network, "s3b2");
    auto const faulty = with_outage(scenario, outage(lost.task.device, lost.middle(), lost.middle() + 5), {});
    emulator::RoundResult result;
    result.course = first_round(faulty);
    result.predicted = {-1};
    BOOST_TEST(result.course.jobs.empty());
    BOOST_TEST(result.course.plan.admitted == 1);
    auto const record = emulator::record_of(faulty, network, result, [](std::int64_t) { return std::nullopt; });
    BOOST_TEST((record.requests.at(0).status == trace::RequestStatus::failed));
    BOOST_TEST(std::isnan(record.requests[0].finish_s));
    BOOST_REQUIRE(record.outages.size() == 1u);
    BOOST_TEST(record.outages[0].begin_s == lost.middle());
    BOOST_TEST(record.outages[0].end_s == lost.middle() + 5);
    BOOST_TEST(record.round.end_s == lost.middle());
}

BOOST_AUTO_TEST_CASE(planners_know_what_is_down_but_not_who_will_not_survive) {
    auto const scenario = one_request();
    auto const quiet = first_round(scenario);
    auto const used = quiet.plan.requests[0].devices.front();
    auto const round = first_round(with_outage(scenario, outage(used, 0, for_good), {}));
    BOOST_TEST(blocks_on(round, used) == 0u);
    BOOST_TEST(round.jobs.size() == 1u);

    auto surprised = scenario;
    surprised.faults.survival = {0};
    auto const lost = first_round(surprised);
    BOOST_TEST(blocks_on(lost, used) > 0u);
    BOOST_TEST(lost.jobs.empty());
    BOOST_TEST(lost.outages.size() == scenario.fleet.size());
}

BOOST_AUTO_TEST_CASE(planners_know_which_links_are_down) {
    auto scenario = one_request();
    auto const quiet = first_round(scenario);
    std::set<std::pair<DeviceId, DeviceId>> used;
    for (auto const& event : quiet.events)
        if (event.kind == EventKind::transmit) used.insert(std::minmax(DeviceId(event.device), DeviceId(event.peer)));
    BOOST_REQUIRE(!used.empty());
    for (auto const& [a, b] : used) scenario.faults.schedule.push_back(outage(b, 0, for_good, a));
    auto const round = first_round(scenario);
    BOOST_REQUIRE(round.jobs.size() == 1u);
    for (auto const& event : round.events)
        if (event.kind == EventKind::transmit)
            BOOST_TEST(!used.contains(std::minmax(DeviceId(event.device), DeviceId(event.peer))));
}

BOOST_AUTO_TEST_CASE(an_outage_is_told_once_and_spends_nothing) {
    auto scenario = one_request();
    for (auto& device : scenario.fleet) device.power.idle = Watts(1);
    scenario.rounds.period = Seconds(10);
    DeviceId const idle(std::size_t{0});
    scenario.faults.schedule = {outage(idle, 4, 16), outage(idle, 15, 17), outage(idle, 35, for_good)};
    Course rounds(scenario, Network(scenario.network.profile));
    std::vector<double> spent;
    std::vector<Outage> told;
    for (int i = 0; i < 5; ++i) {
        auto const round = rounds.next();
        told.insert(told.end(), round.outages.begin(), round.outages.end());
        double busy = 0;
        for (auto const& event : round.events)
            if (event.device == 0 && event.kind != EventKind::wait) busy += event.end_s - event.begin_s;
        BOOST_REQUIRE(busy == 0);  // the slowest device is not needed
        spent.push_back((round.state.battery[0] - round.battery[0]).value());
    }
    std::vector<double> const expected{4, 3, 10, 5, 0};
    for (std::size_t i = 0; i < expected.size(); ++i)
        BOOST_TEST(spent[i] == expected[i], boost::test_tools::tolerance(1e-9));
    BOOST_REQUIRE(told.size() == 2u);
    BOOST_TEST(told[0].begin.value() == 4);
    BOOST_TEST(told[0].end.value() == 17);  // two that overlap are one
    BOOST_TEST(told[1].begin.value() == 35);
    BOOST_TEST(told[1].end.value() == for_good);
}

BOOST_AUTO_TEST_CASE(kernels_follow_the_path_that_was_taken) {
    auto const scenario = one_request();
    Network const network(scenario.network.profile);
    auto const lost = place_of(first_round(scenario), network, "s3b2");
    auto faulty = with_outage(scenario, outage(lost.task.device, lost.middle(), lost.middle() + 1), {Remedy::replan});
    faulty.rounds.count = 1;
    auto const quiet = run_loopback(
        [&] {
            auto s = scenario;
            s.rounds.count = 1;
            return s;
        }(),
        {.nodes = 2});
    auto const run = run_loopback(faulty, {.nodes = 2});
    BOOST_REQUIRE(run.results.at(0).course.jobs.size() == 1u);
    BOOST_TEST(run.results[0].predicted.at(0) >= 0);
    // The same blocks ran, wherever that was.
    BOOST_TEST(run.results[0].predicted[0] == quiet.results.at(0).predicted.at(0));
}

BOOST_AUTO_TEST_SUITE_END()
