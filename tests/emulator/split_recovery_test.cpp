// Requests whose blocks are in parts, and devices that fail under them.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>

#include "emulator/recovery.hpp"
#include "model/cost_model.hpp"
#include "split_rounds.hpp"

using namespace skipstone;
using namespace skipstone::test;

namespace {

DeviceId device(int i) {
    return DeviceId(i);
}

// Devices that have enough of everything.
Scenario rich_scenario(int devices) {
    auto scenario = small_scenario(devices);
    for (auto& row : scenario.fleet) {
        row.memory = Bytes(1'000'000'000);
        row.macs_per_round = Macs(1'000'000'000'000);
        row.battery = Joules(1e9);
    }
    scenario.planner.name = "greedy";
    scenario.faults.remedies = {Remedy::skip, Remedy::replan};
    return scenario;
}

struct Recovered {
    emulator::RoundCourse round;  // as it went
    std::vector<emulator::Revision> revisions;
    std::vector<Event> lost;
};

Recovered with_failure(Scenario scenario, Instance const& instance, std::vector<RequestPlan> plans, DeviceId fails,
                       double time) {
    scenario.faults.schedule = {
        {Seconds(time), Seconds(std::numeric_limits<double>::infinity()), fails, DeviceId(), "schedule"}};
    Recovered result;
    result.round = round_of(scenario, instance, std::move(plans), 0, Seconds(0));
    Faults const faults(scenario.faults, 1);
    RoundFaults const round_faults(faults, RoundId(0), Seconds(0));
    emulator::Recovery recover(scenario, instance, result.round.plan, round_faults, {});
    timeline::Conditions const conditions{.round = RoundId(0), .links = instance.links};
    auto carried_out = timeline::simulate(result.round.jobs, conditions, round_faults, std::ref(recover));
    result.round.events = timeline::events_of(carried_out, DownTimes(scenario.faults.schedule), conditions);
    result.round.jobs = std::move(carried_out.jobs);
    result.round.times = std::move(carried_out.times);
    result.round.end = result.round.next_start = result.round.times.end;
    result.revisions = recover.revisions();
    result.round.revisions = result.revisions;
    result.lost = std::move(carried_out.lost);
    return result;
}

// All on device 0, but for one block: its parts on devices 1 and 2, joined on device 3.
RequestPlan spread_plan(Network const& network, BlockId block) {
    RequestPlan plan;
    plan.admitted = true;
    plan.devices.assign(network.size(), device(0));
    plan.devices[block.index()] = device(3);
    plan.splits = {{block, {Split::Kind::rows, 2}, {device(1), device(2)}}};
    return plan;
}

// When the first computation of a block's part, or of its whole (−1), begins and ends.
timeline::TaskTimes times_of(emulator::RoundCourse const& round, BlockId block, int part) {
    auto const& tasks = round.jobs.at(0).work.tasks;
    auto const found =
        std::ranges::find_if(tasks, [&](Task const& task) { return task.block == block && task.part == part; });
    BOOST_REQUIRE(found != tasks.end());
    return round.times.jobs.at(0).tasks.at(static_cast<std::size_t>(found - tasks.begin()));
}

std::ptrdiff_t parts_computed(std::vector<Event> const& events) {
    return std::ranges::count_if(events, [](Event const& e) { return e.kind == EventKind::compute && e.part >= 0; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(split_recovery)

BOOST_AUTO_TEST_CASE(parts_that_are_kept_are_joined_on_another_device) {
    auto const scenario = rich_scenario(5);
    Network const network(scenario.network.profile);
    auto const instance = split_instance(scenario, network);
    auto const block = *network.find("s3b2");
    auto const plan = spread_plan(network, block);
    auto const quiet = round_of(scenario, instance, {plan}, 0, Seconds(0));
    double const parts_end = std::max(times_of(quiet, block, 0).end.value(), times_of(quiet, block, 1).end.value());
    double const middle = (parts_end + times_of(quiet, block, -1).begin.value()) / 2;
    auto const went = with_failure(scenario, instance, {plan}, device(3), middle);
    BOOST_REQUIRE(went.round.jobs.size() == 1u);
    BOOST_REQUIRE(went.revisions.size() == 1u);
    auto const& revised = went.revisions[0].plan;
    BOOST_TEST((revised.splits.at(0) == plan.splits[0]));
    BOOST_TEST((revised.devices[block.index()] != device(3)));
    BOOST_TEST(parts_computed(went.round.events) == 2);  // none of them anew
    auto const times = times_of(went.round, block, -1);
    BOOST_TEST(times.begin.value() > middle);
}

BOOST_AUTO_TEST_CASE(a_part_that_is_lost_is_planned_anew_from_the_whole_before_it) {
    auto const scenario = rich_scenario(5);
    Network const network(scenario.network.profile);
    auto const instance = split_instance(scenario, network);
    auto const block = *network.find("s3b2");
    auto const plan = spread_plan(network, block);
    auto const quiet = round_of(scenario, instance, {plan}, 0, Seconds(0));
    auto const times = times_of(quiet, block, 0);
    double const middle = (times.begin.value() + times.end.value()) / 2;
    auto const went = with_failure(scenario, instance, {plan}, device(1), middle);
    BOOST_REQUIRE(went.round.jobs.size() == 1u);
    BOOST_REQUIRE(went.revisions.size() == 1u);
    auto const& revised = went.revisions[0].plan;
    BOOST_TEST(std::ranges::count(revised.devices, device(1)) == 0);
    BOOST_TEST(revised.splits.empty());
    for (std::size_t b = 0; b < block.index(); ++b) BOOST_TEST((revised.devices[b] == device(0)));
    BOOST_TEST(std::ranges::any_of(went.lost, [&](Event const& e) {
        return e.kind == EventKind::compute && e.block == block.value() && e.part == 0;
    }));
}

BOOST_AUTO_TEST_CASE(a_request_fails_where_nobody_can_pay_for_the_join) {
    auto const scenario = rich_scenario(4);
    Network const network(scenario.network.profile);
    auto instance = split_instance(scenario, network);
    auto const block = *network.find("s3b2");
    auto const plan = spread_plan(network, block);
    auto const quiet = round_of(scenario, instance, {plan}, 0, Seconds(0));
    double const parts_end = std::max(times_of(quiet, block, 0).end.value(), times_of(quiet, block, 1).end.value());
    double const middle = (parts_end + times_of(quiet, block, -1).begin.value()) / 2;
    // What the plan needs by now, and nothing more.
    auto const cost = request_cost(instance, plan);
    for (std::size_t i = 0; i < 4; ++i) instance.devices[i].energy = cost.loads[i].energy;
    for (int i = 1; i < 3; ++i)
        instance.devices[static_cast<std::size_t>(i)].macs = cost.loads[static_cast<std::size_t>(i)].macs;
    auto const went = with_failure(scenario, instance, {plan}, device(3), middle);
    BOOST_TEST(went.round.jobs.empty());
    BOOST_TEST(went.revisions.empty());
}

// Whatever is lost, and however requests go on: what nodes compute is what the whole network gives.
BOOST_AUTO_TEST_CASE(random_failures_leave_paths_that_nodes_can_follow) {
    auto scenario = rich_scenario(5);
    Network const network(scenario.network.profile);
    scenario.rounds.count = 1;
    auto const instance = split_instance(scenario, network);
    std::size_t revised = 0, rejoined = 0, finished = 0;
    for (unsigned seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        std::vector<RequestPlan> plans;
        for (int r = 0; r < 2; ++r) {
            plans.push_back(random_split_plan(instance, random));
            plans.back().dropped.clear();  // the table knows the whole network alone
            for (auto& at : plans.back().devices)
                if (!at) at = device(static_cast<int>(random() % 5));
        }
        auto const quiet = round_of(scenario, instance, plans, 0, Seconds(0));
        double const time = std::uniform_real_distribution<double>(0, quiet.end.value())(random);
        auto const went = with_failure(scenario, instance, plans, device(static_cast<int>(random() % 5)), time);
        revised += went.revisions.size();
        finished += went.round.jobs.size();
        for (auto const& revision : went.revisions)
            rejoined += revision.plan.splits == plans[revision.request.index()].splits ? 1 : 0;
        std::vector const rounds{went.round};
        auto const expected = whole_logits(rounds, network);
        auto const run = run_loopback(scenario, {.nodes = 1 + static_cast<int>(seed % 5), .next = in_turn(rounds)});
        BOOST_REQUIRE(run.logits.size() == went.round.jobs.size());
        for (auto const& [key, logits] : run.logits) BOOST_TEST((expected.at(key) == logits));
    }
    BOOST_TEST(revised > 20u);
    BOOST_TEST(rejoined > 0u);
    BOOST_TEST(finished > 40u);
}

BOOST_AUTO_TEST_SUITE_END()
