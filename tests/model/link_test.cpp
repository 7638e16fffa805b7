#include "model/link.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "units/error.hpp"
#include "units/random.hpp"

using namespace skipstone;

namespace {

DeviceId device(int value) {
    return DeviceId(static_cast<std::int32_t>(value));
}
double rate(LinkTable const& links, int from, int to) {
    return links.rate(device(from), device(to)).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(link_table)

BOOST_AUTO_TEST_CASE(gives_back_what_it_was_made_of) {
    double const nan = std::numeric_limits<double>::quiet_NaN();
    auto const links = LinkTable::dense(3, {nan, 1, 2, 3, nan, 0, 6, 7, nan}, {0, 1, 2, 3, 4, 5, 6, 7, 8});
    BOOST_TEST(links.devices() == 3u);
    BOOST_TEST(rate(links, 0, 2) == 2);
    BOOST_TEST(rate(links, 2, 0) == 6);
    BOOST_TEST(rate(links, 1, 2) == 0);  // unreachable
    BOOST_TEST(links.latency(device(1), device(2)).value() == 5);
    BOOST_TEST(LinkTable::dense(2, {0, 1, 1, 0}, {0.5}).latency(device(1), device(0)).value() == 0.5);
}

BOOST_AUTO_TEST_CASE(what_is_expected_of_lossy_links_is_less_rate_and_the_same_latency) {
    LinkModel model;
    model.loss = 0.25;
    model.latency = Seconds(0.5);
    auto const drawn = LinkTable::drawn(3, model, 1, RoundId(0));
    BOOST_TEST(rate(drawn.expected(), 0, 2) == 0.75 * rate(drawn, 0, 2));
    BOOST_TEST(drawn.expected().latency(device(0), device(2)).value() == 0.5);
    BOOST_TEST(rate(drawn.expected().expected(), 0, 2) == 0.75 * rate(drawn, 0, 2));
    BOOST_CHECK_THROW(LinkTable::dense(2, {0, 10, 20, 0}, {0.5}).expected(), ContractError);
}

BOOST_AUTO_TEST_CASE(drawn_rates_are_uniform_between_their_limits) {
    auto const links = LinkTable::drawn(200, {}, 1, RoundId(0));
    double sum = 0, low = 1e300, high = 0;
    int count = 0;
    for (int i = 0; i < 200; ++i)
        for (int k = i + 1; k < 200; ++k, ++count) {
            double const r = rate(links, i, k);
            sum += r;
            low = std::min(low, r);
            high = std::max(high, r);
        }
    BOOST_TEST(low >= 7.2e6);
    BOOST_TEST(high < 72.2e6);
    BOOST_TEST(low < 7.3e6);
    BOOST_TEST(high > 72.1e6);
    BOOST_TEST(std::abs(sum / count - 39.7e6) < 0.5e6);
}

BOOST_AUTO_TEST_CASE(drawn_rates_come_from_the_stream_of_their_pair) {
    LinkModel model;
    model.symmetric = false;
    model.efficiency = 0.5;
    model.latency = Seconds(0.002);
    auto const links = LinkTable::drawn(5, model, 9, RoundId(4));
    BOOST_TEST(rate(links, 3, 1) == 0.5 * RandomStream(9, "links", 4, 3, 1).uniform(7.2e6, 72.2e6));
    BOOST_TEST(rate(links, 3, 1) != rate(links, 1, 3));
    BOOST_TEST(links.latency(device(3), device(1)).value() == 0.002);
    BOOST_TEST(rate(links, 3, 1) != rate(LinkTable::drawn(5, model, 10, RoundId(4)), 3, 1));
    // A pair's rate does not depend on how many devices there are.
    BOOST_TEST(rate(links, 3, 1) == rate(LinkTable::drawn(10000, model, 9, RoundId(4)), 3, 1));
}

BOOST_AUTO_TEST_CASE(symmetric_links_are_as_fast_both_ways) {
    auto const links = LinkTable::drawn(5, {}, 9, RoundId(4));
    BOOST_TEST(rate(links, 3, 1) == rate(links, 1, 3));
    BOOST_TEST(rate(links, 1, 3) == RandomStream(9, "links", 4, 1, 3).uniform(7.2e6, 72.2e6));
    BOOST_TEST(rate(links, 1, 3) != rate(links, 1, 2));
}

BOOST_AUTO_TEST_CASE(rates_are_redrawn_every_round_or_never) {
    LinkModel model;
    BOOST_TEST(rate(LinkTable::drawn(2, model, 1, RoundId(0)), 0, 1) !=
               rate(LinkTable::drawn(2, model, 1, RoundId(1)), 0, 1));
    model.redraw = Redraw::never;
    double const fixed = rate(LinkTable::drawn(2, model, 1, RoundId(0)), 0, 1);
    BOOST_TEST(fixed == rate(LinkTable::drawn(2, model, 1, RoundId(7)), 0, 1));
    BOOST_TEST(fixed == RandomStream(1, "links", 0, 0, 1).uniform(7.2e6, 72.2e6));
}

BOOST_AUTO_TEST_CASE(equal_limits_make_a_fixed_rate) {
    LinkModel model;
    model.min = model.max = BitRate(5e6);
    BOOST_TEST(rate(LinkTable::drawn(9, model, 1, RoundId(2)), 8, 3) == 5e6);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_link) {
    auto const links = LinkTable::dense(2, {0, 1, 1, 0}, {0});
    BOOST_CHECK_THROW(links.rate(device(0), device(0)), ContractError);
    BOOST_CHECK_THROW(links.rate(device(0), device(2)), ContractError);
    BOOST_CHECK_THROW(links.latency(device(-1), device(0)), ContractError);
    BOOST_CHECK_THROW(LinkTable::dense(2, {0, 1, 1}, {0}), ContractError);
    BOOST_CHECK_THROW(LinkTable::dense(2, {0, 1, 1, 0}, {0, 0}), ContractError);
    BOOST_CHECK_THROW(LinkTable::dense(2, {0, -1, 1, 0}, {0}), ContractError);
    BOOST_CHECK_THROW(LinkTable::dense(2, {0, 1, 1, 0}, {-1}), ContractError);
    LinkModel model;
    model.max = BitRate(1);
    BOOST_CHECK_THROW(LinkTable::drawn(2, model, 1, RoundId(0)), ContractError);
    model = {};
    model.efficiency = 0;
    BOOST_CHECK_THROW(LinkTable::drawn(2, model, 1, RoundId(0)), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()
