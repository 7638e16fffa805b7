#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/timeline/cases.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::timeline;
using namespace skipstone::timeline::cases;

namespace {

auto const nearly = boost::test_tools::tolerance(1e-9);

Job work(int request, double ready, TaskGraph graph, std::optional<DeviceId> source = std::nullopt) {
    return {.request = RequestId(static_cast<std::int32_t>(request)),
            .ready = Seconds(ready),
            .source = source,
            .work = std::move(graph)};
}

// 1 s on device 0; 2 and 3 s as parts on devices 1 and 2; joined on device 0 in 0.5 s. 4 bytes go out, 6 and 2 come in.
std::vector<Task> two_parts() {
    return {task(0, 0, 1, 4), part(1, 0, 2, 1, 2, 6), part(1, 1, 2, 2, 3, 2), part(1, -1, 2, 0, 0.5)};
}

Faults scheduled(Outage outage) {
    FaultModel model;
    model.schedule = {std::move(outage)};
    return Faults(model, 1);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(graphs_in_closed_form)

BOOST_AUTO_TEST_CASE(two_parts_run_side_by_side_and_the_join_waits_for_the_later_one) {
    auto const c = conditions(3, Medium::links, 0.25);
    std::vector<Job> const jobs{work(0, 0, blocks(two_parts()))};
    auto const times = simulate(jobs, c);
    // Both parts are there at 1 + 4 + 0.25; they end at 7.25 and 8.25, and arrive at 13.5 and 10.5.
    BOOST_TEST(begin(times, 0, 1) == 5.25, nearly);
    BOOST_TEST(begin(times, 0, 2) == 5.25, nearly);
    BOOST_TEST(hop(times, 0, 2).arrival.value() == 13.5, nearly);
    BOOST_TEST(hop(times, 0, 3).arrival.value() == 10.5, nearly);
    BOOST_TEST(times.jobs[0].tasks[3].ready.value() == 13.5, nearly);
    BOOST_TEST(finish(times, 0) == 14, nearly);
    // On air the sender's radio serves one part after the other, and the receiver's, too.
    auto air = c;
    air.medium = Medium::radio;
    auto const on_air = simulate(jobs, air);
    BOOST_TEST(begin(on_air, 0, 1) == 5.25, nearly);
    BOOST_TEST(begin(on_air, 0, 2) == 9.25, nearly);
    // The first part would be sent at 7.25, when device 0 still sends to device 2 until 9.
    BOOST_TEST(hop(on_air, 0, 2).begin.value() == 9, nearly);
    BOOST_TEST(hop(on_air, 0, 3).begin.value() == 15, nearly);
    BOOST_TEST(finish(on_air, 0) == 17.75, nearly);
}

BOOST_AUTO_TEST_CASE(events_name_the_part) {
    auto const c = conditions(3);
    std::vector<Job> const jobs{work(0, 0, blocks(two_parts()))};
    auto const events = events_of(jobs, simulate(jobs, c), c);
    auto const parts_of = [&](EventKind kind) {
        std::vector<int> parts;
        for (Event const& e : events)
            if (e.kind == kind && e.block == 1) parts.push_back(e.part);
        return parts;
    };
    BOOST_TEST(parts_of(EventKind::compute) == (std::vector<int>{0, 1, -1}), boost::test_tools::per_element());
    BOOST_TEST(parts_of(EventKind::transmit) == (std::vector<int>{0, 1}), boost::test_tools::per_element());
    BOOST_TEST(parts_of(EventKind::receive) == (std::vector<int>{0, 1}), boost::test_tools::per_element());
    // Devices 1 and 2 wait for their parts' input, device 0 for the join.
    BOOST_TEST(parts_of(EventKind::wait) == (std::vector<int>{0, 1, -1}), boost::test_tools::per_element());
}

// Rows: each part is given its rows and a halo of 2 more bytes; one part stays with the sender.
BOOST_AUTO_TEST_CASE(a_halo_is_sent_along) {
    auto graph = blocks({task(0, 0, 1, 10), part(1, 0, 2, 0, 4, 5), part(1, 1, 2, 1, 4, 5), part(1, -1, 2, 0, 0)});
    graph.moves[0].bytes = {Bytes(5 + 2), Bytes(5 + 2)};
    auto const times = simulate({work(0, 0, graph)}, conditions(2));
    BOOST_TEST(begin(times, 0, 1) == 1, nearly);
    BOOST_TEST(begin(times, 0, 2) == 8, nearly);
    BOOST_TEST(finish(times, 0) == 8 + 4 + 5, nearly);
}

// Partial sums are as large as the whole output in float32; the join adds them up.
BOOST_AUTO_TEST_CASE(partial_sums_are_added_where_they_are_joined) {
    auto const sums =
        blocks({part(0, 0, 2, 0, 3, 16), part(0, 1, 2, 1, 2, 16), part(0, -1, 2, 0, 0.75, 4), task(1, 1, 1)});
    auto const times = simulate({work(0, 2, sums)}, conditions(2));
    BOOST_TEST(hop(times, 0, 0).begin.value() == 4, nearly);
    BOOST_TEST(begin(times, 0, 2) == 20, nearly);  // part 0 has waited there since 5
    BOOST_TEST(finish(times, 0) == 20.75 + 4 + 1, nearly);
}

// Stage two takes three times as long as stage one, and has three devices that take turns: it keeps up.
BOOST_AUTO_TEST_CASE(three_replicas_take_turns) {
    std::vector<Job> jobs;
    for (int r = 0; r < 12; ++r) jobs.push_back(job(r, 0, {task(0, 0, 1), task(1, 1 + r % 3, 3)}));
    for (Job& each : jobs) each.work.moves[0].bytes = {Bytes(0), Bytes(0)};
    auto const times = simulate(jobs, conditions(4));
    for (int r = 0; r < 12; ++r) BOOST_TEST(finish(times, static_cast<std::size_t>(r)) == r + 4, nearly);
}

BOOST_AUTO_TEST_CASE(parts_of_one_request_on_one_device_go_by_their_number) {
    auto const times = simulate(
        {work(0, 0, blocks({task(0, 0, 1, 3), part(1, 0, 2, 1, 2, 1), part(1, 1, 2, 1, 2, 1), part(1, -1, 2, 0, 0)}))},
        conditions(2));
    BOOST_TEST(times.jobs[0].hops.size() == 3u);  // what both parts need moves once
    BOOST_TEST(begin(times, 0, 1) == 4, nearly);
    BOOST_TEST(begin(times, 0, 2) == 6, nearly);
    BOOST_TEST(finish(times, 0) == 9, nearly);
}

// The head is an ordinary task of its device, and what lies behind it waits: the move, and parts that are there
// already.
BOOST_AUTO_TEST_CASE(what_lies_behind_an_exit_waits_for_its_head) {
    auto const tasks = std::vector<Task>{task(0, 0, 1, 4), head(9, 0, 0.5), part(1, 0, 2, 0, 2, 6),
                                         part(1, 1, 2, 1, 3, 2), part(1, -1, 2, 0, 0.5)};
    auto const c = conditions(2);
    std::vector<Job> jobs{work(0, 0, blocks(tasks)), job(1, 1.25, {task(0, 0, 1)})};
    auto const times = simulate(jobs, c);
    BOOST_TEST(begin(times, 0, 1) == 1, nearly);
    BOOST_TEST(hop(times, 0, 0).ready.value() == 1.5, nearly);  // not at 1, when the output is there
    BOOST_TEST(times.jobs[0].tasks[2].ready.value() == 1.5, nearly);
    BOOST_TEST(begin(times, 1, 0) == 1.5, nearly);  // it came before the part was ready
    BOOST_TEST(begin(times, 0, 2) == 2.5, nearly);
    BOOST_TEST(begin(times, 0, 3) == 5.5, nearly);
    BOOST_TEST(finish(times, 0) == 5.5 + 3 + 2 + 0.5, nearly);
    leave_at(jobs[0].work, TaskId(1));
    auto const early = simulate(jobs, c);
    BOOST_TEST(finish(early, 0) == 1.5, nearly);
    BOOST_TEST(begin(early, 1, 0) == 1.5, nearly);
    auto const events = events_of(jobs, early, c);
    BOOST_TEST(std::ranges::count(events, EventKind::transmit, &Event::kind) == 0);
    BOOST_TEST(std::ranges::count(events, 9, &Event::block) == 1);
    BOOST_TEST(std::ranges::count(events, 1, &Event::device) == 0);  // nobody waits for what never comes
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(streams)

BOOST_AUTO_TEST_CASE(so_many_requests_at_most_are_under_way) {
    auto c = conditions(2);
    c.in_flight = 2;
    std::vector<Job> jobs;
    for (int r = 0; r < 5; ++r) jobs.push_back(job(4 - r, 0, {task(0, 0, 1), task(1, 1, 2)}));
    for (Job& each : jobs) each.work.moves[0].bytes = {Bytes(0), Bytes(0)};
    auto const times = simulate(jobs, c);
    // Request 0 is the last of the jobs given. Device 1 is the bottleneck: every 2 s one finishes and one begins.
    double const begins[] = {7, 5, 3, 0, 0}, ends[] = {11, 9, 7, 5, 3};
    for (std::size_t j = 0; j < 5; ++j) {
        BOOST_TEST(times.jobs[j].ready.value() == begins[j], nearly);
        BOOST_TEST(finish(times, j) == ends[j], nearly);
    }
    // A device expects nothing of a request that has not begun.
    auto const alone = [&] {
        c.in_flight = 1;
        auto const events = events_of(jobs, simulate(jobs, c), c);
        return std::ranges::count(events, EventKind::wait, &Event::kind);
    }();
    BOOST_TEST(alone == 5);  // device 1, for each request while device 0 computes
}

BOOST_AUTO_TEST_CASE(a_request_that_fails_makes_room) {
    auto c = conditions(1);
    c.in_flight = 1;
    auto const faults = scheduled({Seconds(1), Seconds(2), device(0), DeviceId(), ""});
    auto const round =
        simulate({job(0, 0, {task(0, 0, 5)}), job(1, 0, {task(0, 0, 5)}), job(2, 4, {task(0, 0, 1)})}, c,
                 RoundFaults(faults, RoundId(3), Seconds(0)), [](Job const&, Loss const&) { return TaskGraph(); });
    // Request 1 begins at 1, when the device is down: it fails, too.
    BOOST_TEST(round.failed == (std::vector<std::size_t>{0, 1}), boost::test_tools::per_element());
    BOOST_TEST(finish(round.times, 0) == 5);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(parts_with_faults)

BOOST_AUTO_TEST_CASE(a_part_that_fails_calls_off_its_siblings) {
    auto const faults = scheduled({Seconds(7), Seconds(1e9), device(2), DeviceId(), ""});
    std::vector<std::size_t> kept;
    auto const round = simulate({work(0, 0, blocks(two_parts()))}, conditions(4),
                                RoundFaults(faults, RoundId(3), Seconds(0)), [&](Job const& job, Loss const& loss) {
                                    kept.push_back(*loss.kept);
                                    return moved_to(job, *loss.kept, device(3));
                                });
    // Parts run from 5, until 7 and 8. Part 0 has ended at 7, but its block begins again behind block 0, on device 3.
    BOOST_TEST(kept == std::vector<std::size_t>{1}, boost::test_tools::per_element());
    BOOST_REQUIRE(round.jobs.size() == 1u);
    // 4 s to move 4 bytes, 2 s and 3 s one after the other, 0.5 s.
    BOOST_TEST(finish(round.times, 0) == 7 + 4 + 5 + 0.5, nearly);
    std::vector<std::pair<int, double>> computed;
    for (Event const& e : round.lost)
        if (e.kind == EventKind::compute) computed.emplace_back(e.part, e.end_s);
    std::ranges::sort(computed);
    BOOST_REQUIRE(computed.size() == 2u);
    BOOST_TEST(computed[0].second == 7);
    BOOST_TEST(computed[1].second == 7);
}

BOOST_AUTO_TEST_CASE(when_only_the_join_is_lost_the_parts_move_elsewhere) {
    auto tasks = two_parts();
    tasks[3].device = device(3);  // parts are there at 13 and 10
    auto const faults = scheduled({Seconds(12), Seconds(1e9), device(3), DeviceId(), ""});
    std::vector<std::size_t> kept;
    auto const round = simulate({work(0, 0, blocks(tasks))}, conditions(4), RoundFaults(faults, RoundId(3), Seconds(0)),
                                [&](Job const& job, Loss const& loss) {
                                    kept.push_back(*loss.kept);
                                    return moved_to(job, *loss.kept, device(0));
                                });
    BOOST_TEST(kept == std::vector<std::size_t>{3}, boost::test_tools::per_element());
    BOOST_REQUIRE(round.jobs.size() == 1u);
    BOOST_TEST(begin(round.times, 0, 1) == 5, nearly);  // as it was
    BOOST_TEST(finish(round.times, 0) == 12 + 6 + 0.5, nearly);
    for (Event const& e : round.lost) BOOST_TEST((e.kind == EventKind::transmit || e.kind == EventKind::receive));
    BOOST_TEST(std::ranges::count(round.lost, EventKind::transmit, &Event::kind) == 2);
}

BOOST_AUTO_TEST_CASE(a_head_that_has_judged_need_not_judge_again) {
    std::vector<Task> const tasks{task(0, 0, 1, 4), head(9, 0, 0.5), task(1, 1, 2)};
    // 4 bytes arrive at 5.5; device 1 fails at 6.
    auto const faults = scheduled({Seconds(6), Seconds(1e9), device(1), DeviceId(), ""});
    std::vector<std::size_t> kept;
    auto const onto_2 = [&](Job const& job, Loss const& loss) {
        kept.push_back(*loss.kept);
        auto elsewhere = job.work.tasks;
        for (std::size_t t = *loss.kept; t < elsewhere.size(); ++t) elsewhere[t].device = device(2);
        return blocks(elsewhere);
    };
    auto const round =
        simulate({work(0, 0, blocks(tasks))}, conditions(3), RoundFaults(faults, RoundId(3), Seconds(0)), onto_2);
    BOOST_TEST(kept == std::vector<std::size_t>{2}, boost::test_tools::per_element());
    BOOST_TEST(finish(round.times, 0) == 6 + 4 + 2, nearly);
    // A device that fails while it judges loses the output, too.
    auto const earlier = scheduled({Seconds(1.25), Seconds(1e9), device(0), DeviceId(), ""});
    auto const again =
        simulate({work(0, 0, blocks(tasks))}, conditions(3), RoundFaults(earlier, RoundId(3), Seconds(0)), onto_2);
    BOOST_TEST(kept.back() == 0u);
    BOOST_TEST(finish(again.times, 0) == 1.25 + 1 + 0.5 + 2, nearly);
    BOOST_TEST(std::ranges::count(again.lost, 9, &Event::block) == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(malformed_graphs)

BOOST_AUTO_TEST_CASE(are_refused) {
    auto const c = conditions(4);
    auto const refuses = [&](auto const& spoil) {
        Job spoilt = work(0, 0, blocks(two_parts()), device(1));
        spoil(spoilt.work);
        BOOST_CHECK_THROW(simulate({spoilt}, c), ContractError);
    };
    BOOST_CHECK_NO_THROW(simulate({work(0, 0, blocks(two_parts(), device(1)), device(1))}, c));
    refuses([](TaskGraph&) {});  // the image does not move from its source
    auto const spoils = [&](auto const& spoil) {
        Job spoilt = work(0, 0, blocks(two_parts()));
        BOOST_CHECK_NO_THROW(simulate({spoilt}, c));
        spoil(spoilt.work);
        BOOST_CHECK_THROW(simulate({spoilt}, c), ContractError);
    };
    spoils([](TaskGraph& g) { g.tasks.clear(); });
    spoils([](TaskGraph& g) {
        g.feeds.pop_back();
        g.feeds.pop_back();
    });                                                                // the join has no feed
    spoils([](TaskGraph& g) { g.feeds.erase(g.feeds.begin() + 1); });  // a part has none
    spoils([](TaskGraph& g) { std::swap(g.feeds[0], g.feeds[1]); });   // order
    spoils([](TaskGraph& g) { g.feeds[1].from = g.feeds[1].to; });     // needs itself
    spoils([](TaskGraph& g) { g.feeds[0].from = TaskId(3); });         // needs a later one
    spoils([](TaskGraph& g) { g.feeds[1].from = TaskId(9); });
    spoils([](TaskGraph& g) { g.feeds.back().to = TaskId(9); });
    spoils([](TaskGraph& g) { g.feeds.push_back(g.feeds.back()); });  // twice
    spoils([](TaskGraph& g) { g.feeds[1].move = 7; });
    spoils([](TaskGraph& g) { g.feeds[1].move = 1; });   // to another device
    spoils([](TaskGraph& g) { g.feeds[1].move = -1; });  // not there
    spoils([](TaskGraph& g) { g.moves.push_back(g.moves.back()); });
    spoils([](TaskGraph& g) { std::swap(g.moves[0], g.moves[1]); });
    spoils([](TaskGraph& g) { g.moves[0].sender = device(3); });
    spoils([](TaskGraph& g) { g.moves[0].receiver = device(3); });
    spoils([](TaskGraph& g) { g.moves[0].receiver = g.moves[0].sender; });
    spoils([](TaskGraph& g) { g.moves[0].bytes.serialised = Bytes(-1); });
    spoils([](TaskGraph& g) {  // a move that nobody needs
        Move more = g.moves.back();
        more.receiver = device(3);
        g.moves.push_back(more);
    });
    auto const spoils_gates = [&](auto const& spoil) {
        Job spoilt = work(0, 0, blocks({task(0, 0, 1, 4), head(9, 0, 1), head(8, 0, 1), task(1, 1, 1), task(2, 1, 1)}));
        BOOST_CHECK_NO_THROW(simulate({spoilt}, c));
        spoil(spoilt.work);
        BOOST_CHECK_THROW(simulate({spoilt}, c), ContractError);
    };
    spoils_gates([](TaskGraph& g) { g.tasks[1].exit = g.tasks[2].exit = -1; });  // gates that are no heads
    spoils_gates([](TaskGraph& g) { g.feeds[2].gate = TaskId(2); });             // waits for itself
    spoils_gates([](TaskGraph& g) { g.feeds[3].gate = TaskId(); });              // not as its move
    spoils_gates([](TaskGraph& g) { g.moves[0].gate = TaskId(); });
    spoils_gates([](TaskGraph& g) { g.moves[0].gate = g.feeds[3].gate = TaskId(9); });
    spoils_gates([](TaskGraph& g) { g.feeds[4].gate = TaskId(2); });  // of another block
    auto none = c;
    none.in_flight = -1;
    BOOST_CHECK_THROW(simulate({work(0, 0, blocks(two_parts()))}, none), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()
