#include "analysis/device_time.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <limits>

using namespace skipstone;
using analysis::DeviceTime;

namespace {

trace::OutageRow outage(double begin_s, double end_s) {
    trace::OutageRow row;
    row.begin_s = begin_s;
    row.end_s = end_s;
    return row;
}

Event compute(double begin_s, double end_s) {
    Event event;
    event.kind = EventKind::compute;
    event.begin_s = begin_s;
    event.end_s = end_s;
    return event;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(device_time)

BOOST_AUTO_TEST_CASE(a_gap_is_split_by_the_outages_that_it_touches) {
    double const never = std::numeric_limits<double>::quiet_NaN();
    // [1, 3] in two that overlap, [5, 6], and from 8 on.
    DeviceTime device({outage(5, 6), outage(1, 2.5), outage(2, 3), outage(8, never)});
    device.begin_round(0);
    device.add(compute(3.5, 5));
    device.add(compute(6.5, 7));
    auto const first = device.end_round(9);
    BOOST_TEST(first.processor_off == 2 + 1 + 1);
    BOOST_TEST(first.processor_idle == 1 + 0.5 + 0.5 + 1);
    BOOST_TEST(first.compute == 2);
    device.begin_round(9);
    auto const second = device.end_round(11);
    BOOST_TEST(second.processor_off == 2);
    BOOST_TEST(second.processor_idle == 0);
}

BOOST_AUTO_TEST_CASE(a_device_that_fails_often_costs_no_more_per_event) {
    constexpr int rounds = 200'000;
    std::vector<trace::OutageRow> outages;
    for (int i = 0; i < rounds; ++i) outages.push_back(outage(i + 0.25, i + 0.5));
    auto const begin = std::chrono::steady_clock::now();
    DeviceTime device(outages);
    double off = 0;
    for (int i = 0; i < rounds; ++i) {
        device.begin_round(i);
        device.add(compute(i + 0.5, i + 0.75));
        off += device.end_round(i + 1).processor_off;
    }
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
    BOOST_TEST(off == 0.25 * rounds);
    BOOST_TEST(took.count() < 5);  // every outage looked at for every gap: more than a minute
}

BOOST_AUTO_TEST_SUITE_END()
