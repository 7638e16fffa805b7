#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <vector>

#include "tests/timeline/cases.hpp"

using namespace skipstone;
using namespace skipstone::timeline;
using namespace skipstone::timeline::cases;

namespace {

// One hop from device 0 to 1 for each of many requests, 1448 bytes/s.
std::vector<Job> many_hops(int requests, std::int64_t bytes) {
    std::vector<Job> jobs;
    for (int r = 0; r < requests; ++r) jobs.push_back(job(r, 0, {task(2, 0, 0, bytes), task(3, 1, 0)}));
    return jobs;
}

Conditions lossy(double loss) {
    auto c = conditions(2);
    c.links = LinkTable::dense(2, std::vector<double>(4, 8.0 * 1448), {0});
    c.loss = loss;
    return c;
}

double delay(HopTimes const& hop) {
    return (hop.arrival - hop.end).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chance)

BOOST_AUTO_TEST_CASE(jitter_is_normal_around_the_latency) {
    int const n = 20000;
    auto c = conditions(2, Medium::links, 1.0);
    c.jitter = Seconds(0.1);
    auto const times = simulate(many_hops(n, 1), c);
    double sum = 0, squares = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
        double const x = delay(hop(times, j, 0)) - 1;
        sum += x;
        squares += x * x;
    }
    BOOST_TEST(std::abs(sum / n) < 0.003);
    BOOST_TEST(std::abs(std::sqrt(squares / n) - 0.1) < 0.003);
}

// Latency 0, deviation 0.1: half of the delays are cut at 0, their mean is 0.1/sqrt(2 pi).
BOOST_AUTO_TEST_CASE(jitter_never_makes_a_delay_negative) {
    int const n = 20000;
    auto c = conditions(2);
    c.jitter = Seconds(0.1);
    auto const times = simulate(many_hops(n, 1), c);
    double sum = 0;
    int zero = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
        BOOST_REQUIRE(hop(times, j, 0).arrival >= hop(times, j, 0).end);
        sum += delay(hop(times, j, 0));
        zero += hop(times, j, 0).arrival == hop(times, j, 0).end;
    }
    BOOST_TEST(std::abs(sum / n - 0.0398942) < 0.002);
    BOOST_TEST(std::abs(zero / double(n) - 0.5) < 0.02);
}

// n packets take n/(1 − loss) transmissions on average, with variance n loss/(1 − loss)².
BOOST_AUTO_TEST_CASE(lost_packets_are_sent_again_until_they_arrive) {
    int const requests = 4000;
    for (double const loss : {0.001, 0.1, 0.5, 0.6, 0.9})
        for (int const packets : {1, 2, 50}) {
            auto const times = simulate(many_hops(requests, 1448 * packets - 1000), lossy(loss));
            double sum = 0, squares = 0;
            for (std::size_t j = 0; j < requests; ++j) {
                HopTimes const& h = hop(times, j, 0);
                auto const extra = static_cast<double>(h.retransmitted_packets);
                sum += extra;
                squares += extra * extra;
                double const length = (packets - 1000.0 / 1448) * (packets + extra) / packets;
                BOOST_REQUIRE(std::abs((h.end - h.begin).value() - length) <= 1e-9 * h.end.value());
            }
            double const mean = packets * loss / (1 - loss), variance = mean / (1 - loss);
            BOOST_TEST_CONTEXT("loss " << loss << ", " << packets << " packets") {
                BOOST_TEST(std::abs(sum / requests - mean) < 5 * std::sqrt(variance / requests));
                double const found = squares / requests - sum * sum / requests / requests;
                if (loss >= 0.1) BOOST_TEST(std::abs(found - variance) < 0.3 * variance);
            }
        }
}

BOOST_AUTO_TEST_CASE(retransmitted_hops_are_flagged_at_both_ends) {
    auto const c = lossy(0.2);
    auto const jobs = many_hops(100, 1448 * 3);
    auto const times = simulate(jobs, c);
    int flagged = 0, not_flagged = 0;
    for (Event const& e : events_of(jobs, times, c)) {
        bool const is_flagged = e.flags == event_flags::retransmitted;
        if (e.kind != EventKind::transmit && e.kind != EventKind::receive) {
            BOOST_TEST(int(e.flags) == 0);
            continue;
        }
        BOOST_TEST(is_flagged == (hop(times, static_cast<std::size_t>(e.request), 0).retransmitted_packets > 0));
        (is_flagged ? flagged : not_flagged) += 1;
    }
    BOOST_TEST(flagged > 50);
    BOOST_TEST(not_flagged > 50);
}

BOOST_AUTO_TEST_CASE(an_empty_tensor_and_an_unmeasurable_loss_cost_nothing) {
    BOOST_TEST(hop(simulate(many_hops(1, 0), lossy(0.9)), 0, 0).retransmitted_packets == 0);
    BOOST_TEST(hop(simulate(many_hops(1, 1448), lossy(1e-300)), 0, 0).retransmitted_packets == 0);
}

BOOST_AUTO_TEST_CASE(chance_depends_on_seed_round_request_and_block_alone) {
    auto c = lossy(0.3);
    c.jitter = Seconds(0.1);
    c.links = LinkTable::dense(3, std::vector<double>(9, 8.0 * 1448), {1.0});
    struct Luck {
        std::int64_t lost;
        double delay;
        bool operator==(Luck const&) const = default;
    };
    // Everything happens at powers of two so that arrival − end loses no bits to speak of.
    auto const luck = [](Job const& j, Conditions const& given, std::vector<Job> others = {}) {
        others.insert(others.begin(), j);
        HopTimes const h = hop(simulate(others, given), 0, 0);
        return Luck{h.retransmitted_packets, std::round(delay(h) * 1e9)};
    };
    Job const base = job(5, 0, {task(2, 0, 1, 144800), task(3, 1, 1)});
    Luck const expected = luck(base, c);

    Job moved = base;  // other devices, times, successors
    moved.ready = Seconds(64);
    moved.work = chain({task(2, 2, 3, 144800), task(9, 1, 1)});
    BOOST_TEST((luck(moved, c) == expected));
    BOOST_TEST((luck(base, c, many_hops(4, 14480)) == expected));  // other requests
    auto radio = c;
    radio.medium = Medium::radio;
    BOOST_TEST((luck(base, radio, many_hops(4, 14480)) == expected));

    auto const differs = [&](Luck const& other) {
        return other.lost != expected.lost && other.delay != expected.delay;
    };
    auto seed = c, round = c;
    seed.seed = 2;
    round.round = RoundId(4);
    Job request = base, block = base;
    request.request = RequestId(6);
    block.work.tasks[0].block = BlockId(std::int32_t{1});
    BOOST_TEST(differs(luck(base, seed)));
    BOOST_TEST(differs(luck(base, round)));
    BOOST_TEST(differs(luck(request, c)));
    BOOST_TEST(differs(luck(block, c)));
}

BOOST_AUTO_TEST_CASE(a_pair_s_own_loss_and_jitter_are_like_those_of_all_links_and_touch_no_other_link) {
    LinkModel model;
    model.min = model.max = BitRate(8.0 * 1448);
    model.latency = Seconds(1);
    auto const table = [&](LinkTraits traits) {
        model.pairs = std::make_shared<LinkPairs const>(std::vector<LinkPairs::Entry>{{device(0), device(1), traits}});
        return LinkTable::drawn(3, model, 1, RoundId(3));
    };
    auto own = conditions(3);
    own.links = table({.jitter = Seconds(0.1), .loss = 0.3});
    auto everywhere = conditions(3);
    everywhere.links = table({.rate = model.min});
    everywhere.jitter = Seconds(0.1);
    everywhere.loss = 0.3;
    auto plain = everywhere;
    plain.jitter = Seconds(0);
    plain.loss = 0;
    std::vector<Job> const touched = many_hops(50, 3 * 1448);
    std::vector<Job> others;
    for (int r = 0; r < 50; ++r) others.push_back(job(r, 0, {task(2, 1, 0, 3 * 1448), task(3, 2, 0)}));
    auto const same = [](RoundTimes const& a, RoundTimes const& b) {
        for (std::size_t j = 0; j < a.jobs.size(); ++j) {
            BOOST_TEST(hop(a, j, 0).arrival.value() == hop(b, j, 0).arrival.value());
            BOOST_TEST(hop(a, j, 0).retransmitted_packets == hop(b, j, 0).retransmitted_packets);
        }
    };
    same(simulate(touched, own), simulate(touched, everywhere));
    same(simulate(others, own), simulate(others, plain));
    BOOST_TEST(simulate(touched, own).end.value() != simulate(touched, plain).end.value());
    // What a planner expects has no chance in it.
    auto expected = own;
    expected.links = own.links.expected();
    auto const mean = simulate({touched.front()}, expected);
    BOOST_TEST((hop(mean, 0, 0).end - hop(mean, 0, 0).begin).value() == 3 / 0.7, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(delay(hop(mean, 0, 0)) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
