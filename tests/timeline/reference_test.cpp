#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "tests/timeline/random_cases.hpp"
#include "tests/timeline/slow_simulation.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::timeline;
using namespace skipstone::timeline::cases;
using skipstone::timeline::testing::slow_simulation;

namespace {

std::vector<Shape> const all_shapes{
    Shape::chain, Shape::parts, Shape::any, Shape::chain_with_exits, Shape::parts_with_exits, Shape::any_with_exits};

bool is_compute(Event const& e) {
    return e.kind == EventKind::compute;
}
bool is_transfer(Event const& e) {
    return e.kind == EventKind::transmit || e.kind == EventKind::receive;
}

// Whether two of the chosen intervals of one device overlap.
template <class Chosen>
bool overlap(std::vector<Event> const& events, Chosen chosen) {
    std::map<int, double> busy_until;
    for (Event const& e : events) {  // in the order of their beginnings
        if (!chosen(e) || e.begin_s == e.end_s) continue;
        auto const [entry, is_first] = busy_until.try_emplace(e.device, e.end_s);
        if (is_first) continue;
        if (e.begin_s < entry->second) return true;
        entry->second = e.end_s;
    }
    return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(simulate_random_cases)

BOOST_AUTO_TEST_CASE(times_are_those_of_a_slow_simulation) {
    long tasks = 0, queued = 0, hops_queued = 0, gated = 0;
    for_random_cases(400, all_shapes, [&](std::uint64_t, Case const& c) {
        auto const fast = simulate(c.jobs, c.conditions);
        auto const slow = slow_simulation(c.jobs, c.conditions);
        BOOST_TEST(fast.end.value() == slow.end.value());
        for (std::size_t j = 0; j < c.jobs.size(); ++j) {
            BOOST_TEST(same(fast.jobs[j], slow.jobs[j]));
            for (TaskTimes const& t : fast.jobs[j].tasks) tasks += 1, queued += t.begin > t.ready;
            for (HopTimes const& h : fast.jobs[j].hops) hops_queued += h.begin > h.ready;
            gated += std::ranges::count_if(c.jobs[j].work.feeds, [](Feed const& f) { return bool(f.gate); });
        }
    });
    BOOST_TEST(queued > tasks / 10);  // the cases do test queueing
    BOOST_TEST(hops_queued > tasks / 10);
    BOOST_TEST(gated > tasks / 10);
}

// A graph that ends with a head gives the times of a simulation that asks, when the head has ended, whether the request
// leaves.
BOOST_AUTO_TEST_CASE(requests_leave_as_if_they_were_asked_at_every_head) {
    long left = 0, stayed = 0;
    for_random_cases(200, {Shape::chain_with_exits, Shape::parts_with_exits}, [&](std::uint64_t seed, Case const& c) {
        auto const jobs = leaving_jobs(c.jobs, seed);
        auto const fast = simulate(jobs, c.conditions);
        auto const slow = slow_simulation(
            c.jobs, c.conditions, [&](Job const& job, TaskId head) { return leaves(seed, job, job.work, head); });
        BOOST_TEST(fast.end.value() == slow.end.value());
        for (std::size_t j = 0; j < jobs.size(); ++j) {
            auto const& work = jobs[j].work;
            auto whole = slow.jobs[j];
            BOOST_TEST(std::ranges::all_of(whole.tasks.begin() + std::ssize(work.tasks), whole.tasks.end(),
                                           [](TaskTimes const& t) { return t.end == Seconds(0); }));
            BOOST_TEST(std::ranges::all_of(whole.hops.begin() + std::ssize(work.moves), whole.hops.end(),
                                           [](HopTimes const& h) { return h.arrival == Seconds(0); }));
            whole.tasks.resize(work.tasks.size());
            whole.hops.resize(work.moves.size());
            BOOST_TEST(same(fast.jobs[j], whole));
            ++(work.tasks.size() < c.jobs[j].work.tasks.size() ? left : stayed);
        }
    });
    BOOST_TEST(left > 1000);
    BOOST_TEST(stayed > 1000);
}

BOOST_AUTO_TEST_CASE(the_order_of_jobs_changes_nothing) {
    for_random_cases(100, all_shapes, [&](std::uint64_t, Case const& c) {
        auto const times = simulate(c.jobs, c.conditions);
        auto const events = events_of(c.jobs, times, c.conditions);
        std::vector<Job> const reversed(c.jobs.rbegin(), c.jobs.rend());
        auto const others = simulate(reversed, c.conditions);
        for (std::size_t j = 0; j < c.jobs.size(); ++j)
            BOOST_TEST(same(times.jobs[j], others.jobs[c.jobs.size() - 1 - j]));
        BOOST_TEST(std::ranges::equal(events, events_of(reversed, others, c.conditions), same_row));
    });
}

BOOST_AUTO_TEST_CASE(events_are_in_the_canonical_order_and_tilings_do_not_overlap) {
    for_random_cases(100, all_shapes, [&](std::uint64_t, Case const& c) {
        auto const events = events_of(c.jobs, simulate(c.jobs, c.conditions), c.conditions);
        BOOST_TEST(std::ranges::is_sorted(events, {}, [](Event const& e) {
            return std::tuple(e.begin_s, e.device, e.kind, e.end_s, e.request, e.block, e.part, e.peer);
        }));
        BOOST_TEST(!overlap(events, [](Event const& e) { return !is_transfer(e); }));
        // On air, serialisation keeps both radios: at the sender, and at the receiver before latency shifts it.
        if (c.conditions.medium == Medium::radio) {
            std::vector<Event> radios;
            for (Event const& e : events)
                if (e.kind == EventKind::transmit) {
                    radios.push_back(e);
                    radios.push_back(e);
                    radios.back().device = e.peer;
                }
            BOOST_TEST(!overlap(radios, is_transfer));
        }
    });
}

BOOST_AUTO_TEST_CASE(a_device_waits_exactly_while_it_expects_something_and_does_not_compute) {
    long waits = 0;
    for_random_cases(100, all_shapes, [&](std::uint64_t, Case const& c) {
        auto const times = simulate(c.jobs, c.conditions);
        auto const events = events_of(c.jobs, times, c.conditions);
        std::vector<double> instants{c.conditions.start.value()};
        for (Event const& e : events) instants.insert(instants.end(), {e.begin_s, e.end_s});
        for (Job const& j : c.jobs) instants.push_back(j.ready.value());
        for (JobTimes const& j : times.jobs) instants.push_back(j.ready.value());
        std::ranges::sort(instants);
        bool agrees = true;
        for (std::size_t i = 1; i < instants.size(); ++i) {
            if (instants[i] == instants[i - 1]) continue;
            double const now = (instants[i] + instants[i - 1]) / 2;
            for (int d = 0; d < static_cast<int>(c.conditions.links.devices()); ++d) {
                bool computes = false, waits_now = false, expects = false;
                Event wait;
                for (Event const& e : events) {
                    if (e.device != d || e.begin_s > now || e.end_s <= now) continue;
                    computes = computes || is_compute(e);
                    if (e.kind == EventKind::wait) {
                        waits_now = true;
                        wait = e;
                    }
                }
                for (std::size_t j = 0; j < c.jobs.size(); ++j)
                    for (std::size_t t = 0; t < c.jobs[j].work.tasks.size(); ++t)
                        expects = expects ||
                                  (c.jobs[j].work.tasks[t].device == device(d) && times.jobs[j].ready.value() <= now &&
                                   times.jobs[j].tasks[t].begin.value() > now);
                agrees = agrees && waits_now == (expects && !computes);
                if (!waits_now) continue;
                ++waits;
                auto const& of_request = c.jobs[static_cast<std::size_t>(wait.request)];
                auto const ends = std::ranges::find_if(of_request.work.tasks, [&](Task const& t) {
                    return t.block.value() == wait.block && t.part == wait.part;
                });
                auto const t = static_cast<std::size_t>(ends - of_request.work.tasks.begin());
                agrees = agrees && begin(times, static_cast<std::size_t>(wait.request), t) == wait.end_s &&
                         ends->device == device(d);
            }
        }
        BOOST_TEST(agrees);
    });
    BOOST_TEST(waits > 1000);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(simulate_at_scale)

BOOST_AUTO_TEST_CASE(ten_thousand_devices_and_a_thousand_requests) {
    std::size_t const devices = 10000;
    for (Medium const medium : {Medium::links, Medium::radio})
        for (bool const crowded : {false, true}) {  // crowded: the hops of all requests meet at a few devices
            auto c = conditions(devices, Medium::links);
            LinkModel model;
            model.latency = Seconds(0.001);
            c.links = LinkTable::drawn(devices, model, 1, RoundId(0));
            c.medium = medium;
            c.jitter = Seconds(0.001);
            c.loss = 0.01;
            RandomStream draw(1, "scale");
            std::vector<Job> jobs;
            for (int r = 0; r < 1000; ++r) {
                std::vector<Task> tasks;
                for (int b = 0; b < 18; ++b) {
                    bool const at_hub = crowded && b % 2 == 0;
                    tasks.push_back(task(b, static_cast<int>(draw.below(at_hub ? 3 : 10000)), 0.15, 802816));
                }
                jobs.push_back(job(r, 0, tasks));
            }
            using Clock = std::chrono::steady_clock;
            auto const begin = Clock::now();
            auto const times = simulate(jobs, c);
            auto const simulated = Clock::now();
            auto const events = events_of(jobs, times, c);
            auto const listed = Clock::now();
            auto const energy =
                energy_of(events, std::vector<Powers>(devices, {Watts(8), Watts(10), Watts(1), Watts(0.5)}), Seconds(0),
                          times.end);
            auto const billed = Clock::now();
            auto const ms = [](Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
            BOOST_TEST_MESSAGE((medium == Medium::radio ? "radio" : "links")
                               << (crowded ? ", crowded" : "") << ": simulate " << ms(simulated - begin)
                               << " ms, events_of " << ms(listed - simulated) << " ms, energy_of "
                               << ms(billed - listed) << " ms, " << events.size() << " events");
            BOOST_TEST(std::ranges::count_if(events, is_compute) == 18000);
            BOOST_TEST(!overlap(events, [](Event const& e) { return !is_transfer(e); }));
            double joules = 0;
            for (Joules const e : energy) joules += e.value();
            BOOST_TEST(joules > 18000 * 0.15 * 8);
            BOOST_TEST(ms(billed - begin) <
                       5000);  // a bound that quadratic work would break, and a loaded host does not
        }
}

BOOST_AUTO_TEST_SUITE_END()
