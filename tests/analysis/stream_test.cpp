#include "analysis/stream.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "analysis/round_requests.hpp"
#include "trace/plan_rows.hpp"

using namespace skipstone;
using namespace skipstone::analysis;

namespace {

namespace utf = boost::unit_test;

Event event(EventKind kind, std::int32_t device, std::int32_t peer, std::int32_t request, std::int32_t block,
            std::int16_t part, double begin, double end) {
    Event made;
    made.device = device;
    made.peer = peer;
    made.round = 0;
    made.request = request;
    made.block = block;
    made.kind = kind;
    made.part = part;
    made.begin_s = begin;
    made.end_s = end;
    return made;
}

trace::Header three_devices() {
    trace::Header header;
    for (auto const* name : {"a", "b", "c"}) {
        trace::DeviceRow row;
        row.device = static_cast<std::int32_t>(header.devices.size());
        row.name = name;
        row.memory_bytes = 1000;
        header.devices.push_back(row);
    }
    for (auto const* name : {"stem", "body", "head"}) {
        trace::BlockRow row;
        row.block = static_cast<std::int32_t>(header.blocks.size());
        row.name = name;
        header.blocks.push_back(row);
    }
    return header;
}

trace::RequestRow done(std::int32_t request, double arrival, double finish) {
    trace::RequestRow row;
    row.round = 0;
    row.request = request;
    row.arrival_s = arrival;
    row.finish_s = finish;
    row.latency_s = finish - arrival;
    row.status = trace::RequestStatus::done;
    return row;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stream)

// Requests are there from the begin. Device a computes the stem for 2 s, b the body and the head for 3 s together; a
// tensor moves between them in 0.5 s: one request every 3 s, the first after 5.5 s.
BOOST_AUTO_TEST_CASE(a_pipeline_is_as_fast_as_its_slowest_stage, *utf::tolerance(1e-12)) {
    constexpr int count = 43;
    auto const header = three_devices();
    StreamTotals totals(header, Medium::links);
    trace::RoundRow round;
    round.goal = Goal::throughput;
    round.throughput = 1.0 / 3;
    round.throughput_bound = 0.4;
    std::vector<trace::RequestRow> requests;
    std::vector<Event> events;
    for (std::int32_t r = 0; r < count; ++r) {
        double const sent = 2.0 * (r + 1), begin = 2.5 + 3.0 * r;
        requests.push_back(done(r, 0, begin + 3));
        events.push_back(event(EventKind::compute, 0, -1, r, 0, -1, sent - 2, sent));
        events.push_back(event(EventKind::transmit, 0, 1, r, 0, -1, sent, sent + 0.5));
        events.push_back(event(EventKind::receive, 1, 0, r, 0, -1, sent, sent + 0.5));
        events.push_back(event(EventKind::compute, 1, -1, r, 1, -1, begin, begin + 2));
        events.push_back(event(EventKind::compute, 1, -1, r, 2, -1, begin + 2, begin + 3));
    }
    std::vector<trace::PriceRow> const prices{{0, ResourcePrice::Resource::processor, 1, -1, 0.25},
                                              {0, ResourcePrice::Resource::memory, 1, -1, 1e-5},
                                              {0, ResourcePrice::Resource::link, 0, 1, 0.125}};
    totals.begin_round(round, requests, {}, prices);
    for (auto const& one : events) totals.add(one);
    totals.end_round();
    Analysis analysis;
    totals.finish(analysis);

    BOOST_REQUIRE(analysis.stream.size() == 1U);
    auto const& figures = analysis.stream.front();
    // Three begin before the first is done, at 5.5 s, and are done at 11.5 s. The last one begins at 84 s; until then
    // 24 more finish, the last of them at 83.5 s.
    BOOST_TEST(figures.done == count);
    BOOST_TEST(figures.counted == 24);
    BOOST_TEST(figures.window_s == 72);
    BOOST_TEST(figures.throughput_per_s == 1.0 / 3);
    BOOST_TEST((figures.throughput_error_per_s < 1e-12));
    BOOST_TEST(figures.batches == 10);
    BOOST_TEST(figures.period_s == 3);
    BOOST_TEST(figures.planned_per_s == 1.0 / 3);
    BOOST_TEST(figures.bound_per_s == 0.4);
    BOOST_TEST(figures.gap == 1 - 1.0 / 1.2);
    BOOST_TEST(figures.bottleneck == "processor b");
    BOOST_TEST(figures.bottleneck_s == 3);
    BOOST_TEST(figures.bottleneck_share == 1);
    BOOST_TEST(figures.latency_mean_s == 5.5 + 3 * 14.5);
    BOOST_REQUIRE(analysis.stages.size() == 2U);
    BOOST_TEST(analysis.stages[0].on == "a");
    BOOST_TEST(analysis.stages[0].blocks == "stem");
    BOOST_TEST(analysis.stages[0].share == 2.0 / 3);
    BOOST_TEST(analysis.stages[1].blocks == "body..head");
    BOOST_TEST(analysis.stages[1].per_request_s == 3);
    BOOST_REQUIRE(analysis.resources.size() == 3U);
    BOOST_TEST(analysis.resources[1].name == "a");
    BOOST_TEST(analysis.resources[2].name == "a to b");
    BOOST_TEST(analysis.resources[2].share == 0.5 / 3);
    BOOST_REQUIRE(analysis.gains.size() == 2U);
    BOOST_TEST(analysis.gains[0].name == "b");
    BOOST_TEST(analysis.gains[0].gain_per_s == 0.25 + 0.01 + 0.125);
    BOOST_TEST(analysis.gains[0].bound_per_s == 0.4 + 0.385);
    BOOST_TEST(analysis.gains[1].links_per_s == 0.125);
}

BOOST_AUTO_TEST_CASE(without_a_steady_state_there_is_no_throughput) {
    auto const header = three_devices();
    StreamTotals totals(header, Medium::links);
    std::vector<trace::RequestRow> const requests{done(0, 0, 4), done(1, 0, 5)};
    totals.begin_round({}, requests, {}, {});
    for (std::int32_t r = 0; r < 2; ++r) totals.add(event(EventKind::compute, r, -1, r, 0, -1, 0, 4 + r));
    totals.end_round();
    Analysis analysis;
    totals.finish(analysis);
    BOOST_TEST(analysis.stream.front().counted == 0);
    BOOST_TEST(std::isnan(analysis.stream.front().throughput_per_s));
    BOOST_TEST(std::isnan(analysis.stream.front().bound_per_s));
    BOOST_TEST(analysis.stream.front().bottleneck == "processor b");
    BOOST_TEST(analysis.gains.empty());
}

BOOST_AUTO_TEST_CASE(turns_are_one_stage_and_a_radio_carries_both_ways, *utf::tolerance(1e-12)) {
    auto const header = three_devices();
    StreamTotals totals(header, Medium::radio);
    std::vector<trace::RequestRow> requests;
    for (std::int32_t r = 0; r < 4; ++r) requests.push_back(done(r, 0, 2.0 + r));
    totals.begin_round({}, requests, {}, {});
    for (std::int32_t r = 0; r < 4; ++r) {
        totals.add(event(EventKind::compute, r % 2, -1, r, 0, -1, r, r + 1));
        totals.add(event(EventKind::transmit, r % 2, 2, r, 0, -1, r + 1, r + 1.5));
        totals.add(event(EventKind::receive, 2, r % 2, r, 0, -1, r + 1, r + 1.5));
        totals.add(event(EventKind::compute, 2, -1, r, 1, -1, r + 1.5, r + 2));
    }
    totals.end_round();
    Analysis analysis;
    totals.finish(analysis);
    BOOST_REQUIRE(analysis.stages.size() == 2U);
    BOOST_TEST(analysis.stages[0].on == "a, b");
    BOOST_TEST(analysis.stages[0].per_request_s == 0.5);
    BOOST_REQUIRE(analysis.resources.size() == 6U);
    for (auto const& row : analysis.resources)
        if (row.resource == "radio") BOOST_TEST(row.busy_s == (row.name == "c" ? 2.0 : 1.0));
}

// Block 1 in two parts, on devices 0 and 1, which device 2 joins: the part that comes last makes the path.
BOOST_AUTO_TEST_CASE(the_path_leads_through_the_part_that_came_last, *utf::tolerance(1e-12)) {
    trace::RoundRow round;
    round.start_s = 0;
    RequestPlan plan;
    plan.devices = {DeviceId(0), DeviceId(2), DeviceId(2)};
    plan.splits = {{BlockId(1), {Split::Kind::rows, 2}, {DeviceId(0), DeviceId(1)}}};
    auto const header = three_devices();
    RoundRequests requests(round, 0, {done(0, 0.25, 5)}, trace::plan_rows(plan, 0, 0, 0), header);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 0, -1, 0, 0, -1, 0.5, 1)) == 0.25);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 0, -1, 0, 1, 0, 1, 3)) == 1);
    BOOST_TEST(!requests.add_transfer(event(EventKind::transmit, 0, 1, 0, 0, -1, 1.25, 1.75)));
    auto const scattered = requests.add_transfer(event(EventKind::receive, 1, 0, 0, 0, -1, 1.5, 2));
    BOOST_REQUIRE(scattered);
    BOOST_TEST(scattered->ready_s == 1);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 1, -1, 0, 1, 1, 2.25, 2.75)) == 2);
    requests.add_transfer(event(EventKind::transmit, 1, 2, 0, 1, 1, 2.75, 4));
    requests.add_transfer(event(EventKind::receive, 2, 1, 0, 1, 1, 2.75, 4));
    requests.add_transfer(event(EventKind::transmit, 0, 2, 0, 1, 0, 3, 3.5));
    BOOST_TEST(requests.add_transfer(event(EventKind::receive, 2, 0, 0, 1, 0, 3, 3.5))->ready_s == 3);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 2, -1, 0, 1, -1, 4, 4.25)) == 4);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 2, -1, 0, 2, -1, 4.5, 5)) == 4.25);
    requests.finish_path(0);
    auto const& figures = requests.figures(0);
    BOOST_TEST(figures.compute_s == 0.5 + 0.5 + 0.25 + 0.5);
    BOOST_TEST(figures.transfer_s == 0.75 + 1.25);
    BOOST_TEST(figures.queue_start_s == 0.25);
    BOOST_TEST(figures.queue_link_s == 0.25);
    BOOST_TEST(figures.queue_processor_s == 0.25 + 0.25);
    BOOST_TEST(figures.compute_s + figures.transfer_s + figures.queue_s == figures.latency_s);
    BOOST_TEST(figures.hops == 2);
}

// The head of an exit behind block 0 lets its output go, and that behind block 1 lets the request leave.
BOOST_AUTO_TEST_CASE(the_path_leads_through_the_heads_of_exits, *utf::tolerance(1e-12)) {
    trace::RoundRow round;
    round.start_s = 0;
    RequestPlan plan;
    plan.devices = {DeviceId(0), DeviceId(1), DeviceId(1)};
    auto header = three_devices();
    for (std::int32_t const after : {0, 1}) {
        trace::BlockRow head;
        head.block = static_cast<std::int32_t>(header.blocks.size());
        head.after = after;
        header.blocks.push_back(head);
    }
    RoundRequests requests(round, 0, {done(0, 0.25, 6)}, trace::plan_rows(plan, 0, 0, 0), header);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 0, -1, 0, 0, -1, 0.5, 1)) == 0.25);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 0, -1, 0, 3, -1, 1.5, 2)) == 1);
    requests.add_transfer(event(EventKind::transmit, 0, 1, 0, 0, -1, 2.25, 3));
    auto const moved = requests.add_transfer(event(EventKind::receive, 1, 0, 0, 0, -1, 2.25, 3));
    BOOST_REQUIRE(moved);
    BOOST_TEST(moved->ready_s == 2);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 1, -1, 0, 1, -1, 3.5, 5)) == 3);
    BOOST_TEST(requests.add_compute(event(EventKind::compute, 1, -1, 0, 4, -1, 5, 6)) == 5);
    requests.finish_path(0);
    auto const& figures = requests.figures(0);
    BOOST_TEST(figures.compute_s == 0.5 + 0.5 + 1.5 + 1);
    BOOST_TEST(figures.transfer_s == 0.75);
    BOOST_TEST(figures.queue_start_s == 0.25);
    BOOST_TEST(figures.queue_processor_s == 0.5 + 0.5);
    BOOST_TEST(figures.queue_link_s == 0.25);
    BOOST_TEST(figures.compute_s + figures.transfer_s + figures.queue_s == figures.latency_s);
}

BOOST_AUTO_TEST_SUITE_END()
