#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <vector>

#include "tests/timeline/cases.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::timeline;
using namespace skipstone::timeline::cases;

namespace {

std::vector<Event> of_kind(std::vector<Event> const& events, EventKind kind) {
    std::vector<Event> found;
    std::ranges::copy_if(events, std::back_inserter(found), [&](Event const& e) { return e.kind == kind; });
    return found;
}

Event event(int on, EventKind kind, double begin, double end) {
    return {.device = on, .kind = kind, .begin_s = begin, .end_s = end};
}

Powers const powers{Watts(8), Watts(10), Watts(3), Watts(0.5)};

}  // namespace

BOOST_AUTO_TEST_SUITE(events)

BOOST_AUTO_TEST_CASE(say_who_did_what_when) {
    Task first = task(4, 0, 2, 10), second = task(6, 1, 3);
    auto const c = conditions(2, Medium::links, 0.5);
    std::vector<Job> jobs{job(9, 1, {first, second})};
    jobs[0].work.moves[0].bytes.shared = Bytes(14);
    auto const rows = events_of(jobs, simulate(jobs, c), c);
    BOOST_TEST_REQUIRE(rows.size() == 5u);
    auto const check = [](Event const& e, EventKind kind, int on, int peer, int block, double begin, double end,
                          long bytes, long macs) {
        BOOST_TEST(int(e.kind) == int(kind));
        BOOST_TEST(e.device == on);
        BOOST_TEST(e.peer == peer);
        BOOST_TEST(e.round == 3);
        BOOST_TEST(e.request == 9);
        BOOST_TEST(e.block == block);
        BOOST_TEST(int(e.flags) == 0);
        BOOST_TEST(e.begin_s == begin);
        BOOST_TEST(e.end_s == end);
        BOOST_TEST(std::isnan(e.host_begin_s));
        BOOST_TEST(std::isnan(e.host_end_s));
        BOOST_TEST(e.bytes == bytes);
        BOOST_TEST(e.macs == macs);
    };
    check(rows[0], EventKind::compute, 0, -1, 4, 1, 3, 0, 1004);
    check(rows[1], EventKind::wait, 1, -1, 6, 1, 13.5, 0, 0);
    check(rows[2], EventKind::transmit, 0, 1, 4, 3, 13, 14, 0);
    check(rows[3], EventKind::receive, 1, 0, 4, 3.5, 13.5, 14, 0);
    check(rows[4], EventKind::compute, 1, -1, 6, 13.5, 16.5, 0, 1006);
}

BOOST_AUTO_TEST_CASE(the_image_moves_as_block_minus_one) {
    auto const c = conditions(2);
    std::vector<Job> const jobs{job(0, 0, {task(0, 1, 1)}, device(0), 7)};
    auto const rows = events_of(jobs, simulate(jobs, c), c);
    auto const sent = of_kind(rows, EventKind::transmit), received = of_kind(rows, EventKind::receive);
    BOOST_TEST_REQUIRE(sent.size() == 1u);
    BOOST_TEST_REQUIRE(received.size() == 1u);
    BOOST_TEST(sent[0].block == -1);
    BOOST_TEST(sent[0].bytes == 7);
    BOOST_TEST(received[0].block == -1);
    BOOST_TEST(received[0].device == 1);
    BOOST_TEST(received[0].peer == 0);
}

// Device 1 expects request 0 from 0 on, computes it in [3, 5), expects request 1, which arrived at 1, until 9.
BOOST_AUTO_TEST_CASE(a_processor_waits_for_input_of_requests_that_have_arrived) {
    auto const c = conditions(3);
    std::vector<Job> const jobs{job(0, 0, {task(0, 0, 2, 1), task(1, 1, 2)}),
                                job(1, 1, {task(0, 2, 6, 2), task(1, 1, 2)}), job(2, 20, {task(0, 1, 1)})};
    auto const rows = events_of(jobs, simulate(jobs, c), c);
    auto const waits = of_kind(rows, EventKind::wait);
    BOOST_TEST_REQUIRE(waits.size() == 2u);
    for (Event const& wait : waits) BOOST_TEST(wait.device == 1);
    BOOST_TEST(waits[0].begin_s == 0);
    BOOST_TEST(waits[0].end_s == 3);
    BOOST_TEST(waits[0].request == 0);
    BOOST_TEST(waits[1].begin_s == 5);
    BOOST_TEST(waits[1].end_s == 9);
    BOOST_TEST(waits[1].request == 1);
    BOOST_TEST(waits[1].block == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(energy)

// Eq. 19: P_c c_a/e_i + P_t K_a/rho; here also receiving and idling. One request over two devices.
BOOST_AUTO_TEST_CASE(is_that_of_equation_19_with_receiving_and_idling) {
    double const e = 1.4e9, rho = 7.2e6, latency = 0.004, start = 1000;
    double const c0 = 118013952 / e, c1 = 231211008 / e, k = 8 * 802816 / rho;
    auto c = conditions(2);
    c.links = LinkTable::dense(2, {0, rho, rho, 0}, {latency});
    c.start = Seconds(start);
    std::vector<Job> const jobs{job(0, start, {task(0, 0, c0, 802816), task(1, 1, c1)})};
    auto const times = simulate(jobs, c);
    auto const rows = events_of(jobs, times, c);
    double const end = start + 5;  // a period longer than the round's work
    auto const joules = energy_of(rows, {powers, powers}, Seconds(start), Seconds(end));
    BOOST_TEST_REQUIRE(joules.size() == 2u);
    BOOST_TEST(joules[0].value() == 8 * c0 + 10 * k + 0.5 * (5 - c0 - k), boost::test_tools::tolerance(1e-9));
    BOOST_TEST(joules[1].value() == 8 * c1 + 3 * k + 0.5 * (5 - c1 - k), boost::test_tools::tolerance(1e-9));
    Powers const paper{Watts(8), Watts(10), Watts(0), Watts(0)};
    auto const as_paper = energy_of(rows, {paper, paper}, Seconds(start), Seconds(end));
    BOOST_TEST(as_paper[0].value() == 8 * c0 + 10 * k, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(as_paper[1].value() == 8 * c1, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(transfers_that_overlap_each_count_and_idling_does_not) {
    std::vector<Event> const rows{event(0, EventKind::compute, 1, 4),  event(0, EventKind::transmit, 2, 6),
                                  event(0, EventKind::transmit, 3, 5), event(0, EventKind::receive, 5, 7),
                                  event(0, EventKind::wait, 7, 9),     event(0, EventKind::compute, 9, 10)};
    auto const joules = energy_of(rows, {powers, powers}, Seconds(0), Seconds(12));
    BOOST_TEST(joules[0].value() == 8 * 4 + 10 * 6 + 3 * 2 + 0.5 * (1 + 2 + 2), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(joules[1].value() == 0.5 * 12, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(only_what_lies_in_the_interval_counts) {
    std::vector<Event> const rows{event(0, EventKind::compute, 0, 4), event(0, EventKind::receive, 8, 14),
                                  event(0, EventKind::transmit, 20, 30)};
    auto const joules = energy_of(rows, {powers}, Seconds(2), Seconds(10));
    BOOST_TEST(joules[0].value() == 8 * 2 + 3 * 2 + 0.5 * 4, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(does_not_depend_on_the_order_of_events) {
    RandomStream draw(5, "energy");
    std::vector<Event> rows;
    for (int i = 0; i < 500; ++i) {
        double const begin = draw.uniform(0, 100);
        auto const kind = static_cast<EventKind>(1 + draw.below(4));
        rows.push_back(event(static_cast<int>(draw.below(7)), kind, begin, begin + draw.uniform(0, 3)));
    }
    std::vector<Powers> const fleet(7, powers);
    auto const joules = energy_of(rows, fleet, Seconds(1), Seconds(99));
    std::ranges::reverse(rows);
    BOOST_TEST((joules == energy_of(rows, fleet, Seconds(1), Seconds(99))));
}

// An integration of the power over elementary intervals agrees to 1e-12.
BOOST_AUTO_TEST_CASE(agrees_with_an_integration_over_time) {
    RandomStream draw(6, "energy");
    std::vector<Event> rows;
    std::vector<double> instants{1000, 1050};
    for (int i = 0; i < 300; ++i) {
        double const begin = draw.uniform(1000, 1045), end = begin + draw.uniform(0, 5);
        rows.push_back(event(static_cast<int>(draw.below(5)), static_cast<EventKind>(1 + draw.below(4)), begin, end));
        instants.insert(instants.end(), {begin, end});
    }
    std::ranges::sort(instants);
    auto const joules = energy_of(rows, std::vector<Powers>(5, powers), Seconds(1000), Seconds(1050));
    for (int on = 0; on < 5; ++on) {
        double integral = 0;
        for (std::size_t i = 1; i < instants.size(); ++i) {
            double const now = (instants[i] + instants[i - 1]) / 2;
            double power = 0;
            for (Event const& e : rows) {
                if (e.device != on || now < e.begin_s || now > e.end_s) continue;
                if (e.kind == EventKind::compute) power += 8;
                if (e.kind == EventKind::transmit) power += 10;
                if (e.kind == EventKind::receive) power += 3;
            }
            integral += (power == 0 ? 0.5 : power) * (instants[i] - instants[i - 1]);
        }
        BOOST_TEST(joules[static_cast<std::size_t>(on)].value() == integral, boost::test_tools::tolerance(1e-12));
    }
}

BOOST_AUTO_TEST_CASE(of_five_million_events_is_summed_without_loss) {
    std::vector<Event> rows;
    int const count = 5000000, devices = 1000;
    rows.reserve(count);
    for (int i = 0; i < count; ++i)
        rows.push_back(
            event(i % devices, i % 3 == 0 ? EventKind::transmit : EventKind::compute, 0.1 * i, 0.1 * i + 0.1));
    double const end = 0.1 * count;
    auto const begin = std::chrono::steady_clock::now();
    auto const joules = energy_of(rows, std::vector<Powers>(devices, powers), Seconds(0), Seconds(end));
    std::chrono::duration<double, std::milli> const took = std::chrono::steady_clock::now() - begin;
    BOOST_TEST_MESSAGE("energy_of 5,000,000 events: " << took.count() << " ms");
    long double expected = 0;
    for (int i = 0; i < count; i += devices) {
        Event const& e = rows[static_cast<std::size_t>(i)];
        auto const length = static_cast<long double>(e.end_s - e.begin_s);
        expected += length * (e.kind == EventKind::transmit ? 10.0L : 8.0L) - 0.5L * length;
    }
    expected += 0.5L * static_cast<long double>(end);
    BOOST_TEST(joules[0].value() == static_cast<double>(expected), boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(refuses_events_of_unknown_devices) {
    BOOST_CHECK_THROW(energy_of({event(1, EventKind::compute, 0, 1)}, {powers}, Seconds(0), Seconds(1)), ContractError);
    BOOST_CHECK_THROW(energy_of({event(-1, EventKind::wait, 0, 1)}, {powers}, Seconds(0), Seconds(1)), ContractError);
    BOOST_CHECK_THROW(energy_of({}, {powers}, Seconds(1), Seconds(0)), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()
