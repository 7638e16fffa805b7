#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <map>
#include <vector>

#include "tests/timeline/cases.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::timeline;
using namespace skipstone::timeline::cases;

namespace {

constexpr double for_good = std::numeric_limits<double>::infinity();

Outage outage(int on, double begin, double end, int peer = -1) {
    return {Seconds(begin), Seconds(end), device(on), device(peer), "schedule"};
}

Faults scheduled(std::vector<Outage> outages, double detection = 0) {
    FaultModel model;
    model.schedule = std::move(outages);
    model.detection = Seconds(detection);
    return Faults(model, 1);
}

RoundFaults round_of(Faults const& faults) {
    return RoundFaults(faults, RoundId(3), Seconds(0));
}

// Runs what is lost on another device, and notes what it was told.
struct OnDevice {
    int on;
    std::vector<Loss>* losses;
    TaskGraph operator()(Job const& job, Loss const& loss) const {
        losses->push_back(loss);
        return moved_to(job, *loss.kept, device(on));
    }
};

TaskGraph give_up(Job const&, Loss const&) {
    return {};
}

std::vector<Event> of_kind(std::vector<Event> const& events, EventKind kind) {
    std::vector<Event> found;
    std::ranges::copy_if(events, std::back_inserter(found), [&](Event const& e) { return e.kind == kind; });
    return found;
}

// 2 s on device 0, a hop of 4 s, 3 s on device 1: computes there from 6 to 9.
std::vector<Job> two_steps() {
    return {job(0, 0, {task(0, 0, 2, 4), task(1, 1, 3)})};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(simulate_with_faults)

BOOST_AUTO_TEST_CASE(a_computation_that_is_lost_starts_again_from_what_its_sender_kept) {
    auto const faults = scheduled({outage(1, 8, 20)});
    std::vector<Loss> losses;
    auto const round = simulate(two_steps(), conditions(3), round_of(faults), OnDevice{2, &losses});
    BOOST_REQUIRE(losses.size() == 1u);
    BOOST_TEST(losses[0].time.value() == 8);
    BOOST_TEST(losses[0].device.value() == 1);
    BOOST_TEST(losses[0].kept.value() == 1u);
    BOOST_REQUIRE(round.jobs.size() == 1u);
    BOOST_TEST(round.jobs[0].work.tasks[1].device.value() == 2);
    BOOST_TEST(hop(round.times, 0, 0).begin.value() == 8);
    BOOST_TEST(finish(round.times, 0) == 15);
    BOOST_REQUIRE(round.lost.size() == 3u);
    auto const computed = of_kind(round.lost, EventKind::compute);
    BOOST_REQUIRE(computed.size() == 1u);
    BOOST_TEST(computed[0].device == 1);
    BOOST_TEST(computed[0].begin_s == 6);
    BOOST_TEST(computed[0].end_s == 8);
    BOOST_TEST(computed[0].macs == 1001 * 2 / 3);
    BOOST_TEST(of_kind(round.lost, EventKind::transmit)[0].bytes == 4);
    BOOST_TEST(std::ranges::all_of(round.lost, [](Event const& e) { return e.flags == event_flags::failed; }));
}

BOOST_AUTO_TEST_CASE(what_ends_when_its_device_fails_has_ended) {
    auto const faults = scheduled({outage(1, 9, 20)});
    auto const round = simulate(two_steps(), conditions(2), round_of(faults), give_up);
    BOOST_TEST(round.failed.empty());
    BOOST_TEST(finish(round.times, 0) == 9);
}

BOOST_AUTO_TEST_CASE(a_device_that_fails_while_it_sends_takes_its_tensor_with_it) {
    auto const faults = scheduled({outage(0, 3, 4)});
    std::vector<Loss> losses;
    auto const round = simulate(two_steps(), conditions(3), round_of(faults), OnDevice{2, &losses});
    BOOST_REQUIRE(losses.size() == 1u);
    BOOST_TEST(losses[0].device.value() == 0);
    BOOST_TEST(losses[0].kept.value() == 0u);  // back to the image
    BOOST_TEST(finish(round.times, 0) == 3 + 2 + 3);
    auto const sent = of_kind(round.lost, EventKind::transmit);
    BOOST_REQUIRE(sent.size() == 1u);
    BOOST_TEST(sent[0].end_s == 3);
    BOOST_TEST(sent[0].bytes == 1);  // of 4, after 1 of 4 seconds
    auto const received = of_kind(round.lost, EventKind::receive);
    BOOST_REQUIRE(received.size() == 1u);
    BOOST_TEST(received[0].begin_s == 2);
    BOOST_TEST(received[0].end_s == 3);
}

BOOST_AUTO_TEST_CASE(the_image_is_lost_with_its_source) {
    auto const faults = scheduled({outage(0, 1, 4)});
    std::vector<Loss> losses;
    auto const round =
        simulate({job(0, 0, {task(0, 1, 5)}, device(0), 3)}, conditions(2), round_of(faults), OnDevice{1, &losses});
    BOOST_TEST(losses.empty());  // nothing to recover from
    BOOST_TEST(round.failed == std::vector<std::size_t>{0}, boost::test_tools::per_element());
    BOOST_TEST(round.times.end.value() == 1);
}

BOOST_AUTO_TEST_CASE(a_link_that_fails_cuts_off_what_it_carries_both_ways) {
    for (bool const forward : {true, false}) {
        auto const faults = scheduled({forward ? outage(0, 5, 6, 1) : outage(1, 5, 6, 0)});
        std::vector<Loss> losses;
        auto const round = simulate(two_steps(), conditions(3), round_of(faults), OnDevice{2, &losses});
        BOOST_REQUIRE(losses.size() == 1u);
        BOOST_TEST(losses[0].device.value() == 1);
        BOOST_TEST(losses[0].kept.value() == 1u);
        BOOST_TEST(finish(round.times, 0) == 5 + 4 + 3);
    }
}

BOOST_AUTO_TEST_CASE(a_tensor_on_its_way_is_lost_with_its_receiver_but_not_with_its_sender) {
    std::vector<Loss> losses;
    auto const delayed = conditions(3, Medium::links, 10);  // sent from 2 to 6, there at 16
    auto const sender = scheduled({outage(0, 7, for_good)});
    BOOST_TEST(finish(simulate(two_steps(), delayed, round_of(sender), OnDevice{2, &losses}).times, 0) == 19);
    BOOST_TEST(losses.empty());
    auto const receiver = scheduled({outage(1, 14, 15)});
    auto const round = simulate(two_steps(), delayed, round_of(receiver), OnDevice{2, &losses});
    BOOST_TEST(finish(round.times, 0) == 14 + 4 + 10 + 3);
    auto const received = of_kind(round.lost, EventKind::receive);
    BOOST_REQUIRE(received.size() == 1u);
    BOOST_TEST(received[0].begin_s == 12);
    BOOST_TEST(received[0].end_s == 14);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_device_that_fails_is_lost_and_the_rest_goes_on) {
    // Request 0 computes on device 0 until 10, request 1 waits behind it; device 0 fails at 4 and is back at 5.
    auto const faults = scheduled({outage(0, 4, 5)});
    std::vector<Loss> losses;
    auto const round = simulate({job(0, 0, {task(0, 0, 10)}), job(1, 1, {task(0, 0, 10)}), job(2, 6, {task(0, 0, 1)})},
                                conditions(2), round_of(faults), OnDevice{1, &losses});
    BOOST_REQUIRE(losses.size() == 2u);
    BOOST_TEST(finish(round.times, 0) == 14);
    BOOST_TEST(finish(round.times, 1) == 24);
    BOOST_TEST(finish(round.times, 2) == 7);
    BOOST_TEST(of_kind(round.lost, EventKind::compute).size() == 1u);
}

BOOST_AUTO_TEST_CASE(detection_takes_its_time_and_a_second_failure_may_come_meanwhile) {
    auto const faults = scheduled({outage(1, 8, 20), outage(0, 9, 10)}, 2);
    std::vector<Loss> losses;
    auto const round = simulate(two_steps(), conditions(3), round_of(faults), OnDevice{2, &losses});
    BOOST_REQUIRE(losses.size() == 1u);
    BOOST_TEST(losses[0].time.value() == 10);
    BOOST_TEST(losses[0].kept.value() == 0u);  // device 0 has forgotten its output
    BOOST_TEST(finish(round.times, 0) == 15);
    BOOST_TEST(of_kind(round.lost, EventKind::compute).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_request_that_nobody_recovers_fails_with_all_that_was_done_for_it) {
    auto const faults = scheduled({outage(1, 8, 20)});
    auto const round = simulate(two_steps(), conditions(2), round_of(faults), give_up);
    BOOST_TEST(round.jobs.empty());
    BOOST_TEST(round.failed == std::vector<std::size_t>{0}, boost::test_tools::per_element());
    BOOST_TEST(round.times.end.value() == 8);
    BOOST_TEST(of_kind(round.lost, EventKind::compute).size() == 2u);
    BOOST_TEST(of_kind(round.lost, EventKind::transmit).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_device_that_does_not_survive_its_round_is_never_there) {
    FaultModel model;
    model.survival = {1, 0, 1};
    Faults const faults(model, 1);
    std::vector<Loss> losses;
    auto const round = simulate(two_steps(), conditions(3), round_of(faults), OnDevice{2, &losses});
    BOOST_REQUIRE(losses.size() == 1u);
    BOOST_TEST(losses[0].time.value() == 2);  // when it would have sent
    BOOST_TEST(finish(round.times, 0) == 9);
    BOOST_TEST(round.lost.empty());
}

BOOST_AUTO_TEST_CASE(a_device_that_is_down_does_not_wait_or_idle) {
    auto const faults = scheduled({outage(1, 3, 5)});
    auto const c = conditions(2);
    // Device 1 expects the tensor of a second request from 0 on; its own first task is over at 1.
    auto const round = simulate({job(0, 0, {task(0, 1, 1)}), job(1, 0, {task(0, 0, 6, 1), task(1, 1, 2)})}, c,
                                round_of(faults), give_up);
    DownTimes const off({outage(1, 3, 5)});
    auto const waits = of_kind(events_of(round, off, c), EventKind::wait);
    BOOST_REQUIRE(waits.size() == 2u);
    BOOST_TEST(waits[0].begin_s == 1);
    BOOST_TEST(waits[0].end_s == 3);
    BOOST_TEST(waits[1].begin_s == 5);
    BOOST_TEST(waits[1].end_s == 7);
    std::vector<Powers> const powers(2, Powers{Watts(0), Watts(0), Watts(0), Watts(1)});
    auto const energy = energy_of(events_of(round, off, c), powers, Seconds(0), Seconds(10), off);
    BOOST_TEST(energy[1].value() == 10 - 1 - 2 - 1 - 2);  // less computing, being off, receiving, computing
}

BOOST_AUTO_TEST_CASE(without_an_outage_times_are_the_same_bits) {
    RandomStream random(7, "faults");
    FaultModel model;
    model.schedule = {outage(0, 1e6, 2e6)};
    Faults const faults(model, 1);
    for (Medium const medium : {Medium::links, Medium::radio}) {
        std::vector<Job> jobs;
        for (int request = 0; request < 12; ++request) {
            std::vector<Task> tasks;
            for (int block = 0; block < 6; ++block)
                tasks.push_back(task(block, static_cast<int>(random.below(4)), random.uniform(0, 3), random.below(5)));
            jobs.push_back(job(request, random.uniform(0, 5), tasks));
        }
        auto const c = conditions(4, medium, 0.25);
        auto const plain = simulate(jobs, c);
        auto const faulty = simulate(jobs, c, round_of(faults), give_up);
        for (std::size_t j = 0; j < jobs.size(); ++j) BOOST_TEST(finish(plain, j) == finish(faulty.times, j));
        BOOST_TEST(faulty.lost.empty());
    }
}

// Many failures at once: whatever happens, nobody works while he is down, or does two things at a time, and a request
// either runs all its blocks in order or fails.
BOOST_AUTO_TEST_CASE(a_storm_of_failures_leaves_a_consistent_round) {
    FaultModel model;
    model.devices = MeanTimes{Seconds(6), Seconds(2)};
    model.links = MeanTimes{Seconds(9), Seconds(3)};
    std::size_t failed = 0, lost = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        Faults const faults(model, seed);
        auto const medium = seed % 2 == 0 ? Medium::links : Medium::radio;
        RandomStream random(seed, "storm");
        std::vector<Job> jobs;
        for (int request = 0; request < 8; ++request) {
            std::vector<Task> tasks;
            for (int block = 0; block < 4; ++block)
                tasks.push_back(
                    task(block, static_cast<int>(random.below(4)), random.uniform(0.1, 2), 1 + random.below(3)));
            jobs.push_back(job(request, random.uniform(0, 5), tasks));
        }
        auto const c = conditions(4, medium, 0.25);
        auto const round_faults = round_of(faults);
        auto const recover = [&](Job const& job, Loss const& loss) -> TaskGraph {
            auto const from = *loss.kept == 0 ? DeviceId() : job.work.tasks[*loss.kept - 1].device;
            for (int d = 0; d < 4; ++d) {
                if (round_faults.down(device(d), loss.time)) continue;
                if (from && from != device(d) && round_faults.down(from, device(d), loss.time)) continue;
                return moved_to(job, *loss.kept, device(d));
            }
            return {};
        };
        auto const round = simulate(jobs, c, round_faults, recover);
        failed += round.failed.size();
        lost += round.lost.size();
        std::vector<Outage> off;
        for (int d = 0; d < 4; ++d)
            for (auto next = faults.next(device(d), Seconds(0)); next && next->begin < round.times.end;
                 next = faults.next(device(d), next->end))
                off.push_back(*next);
        auto const events = events_of(round, DownTimes(off), c);
        std::map<int, double> processor;
        for (Event const& event : events) {
            BOOST_REQUIRE(event.begin_s <= event.end_s);
            BOOST_TEST(event.end_s <= round.times.end.value());
            for (Outage const& o : off)
                if (o.device.value() == event.device)
                    BOOST_TEST((event.end_s <= o.begin.value() || event.begin_s >= o.end.value()));
            if (event.kind != EventKind::compute && event.kind != EventKind::wait) continue;
            BOOST_TEST(event.begin_s >= processor[event.device]);
            processor[event.device] = event.end_s;
        }
        for (std::size_t j = 0; j < round.jobs.size(); ++j) {
            BOOST_REQUIRE(round.jobs[j].work.tasks.size() == 4u);
            for (std::size_t t = 0; t < 4; ++t) {
                BOOST_TEST(round.jobs[j].work.tasks[t].block.index() == t);
                if (t > 0) BOOST_TEST(begin(round.times, j, t) >= end(round.times, j, t - 1));
            }
        }
        BOOST_TEST(round.jobs.size() + round.failed.size() == jobs.size());
    }
    BOOST_TEST(failed > 0u);
    BOOST_TEST(lost > 100u);
}

BOOST_AUTO_TEST_SUITE_END()
