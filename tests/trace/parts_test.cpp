// Blocks that devices compute in parts: plans as rows, and what check() finds.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "sample.hpp"
#include "trace/check.hpp"
#include "trace/plan_rows.hpp"

using namespace skipstone;
using namespace skipstone::trace;

namespace {

RequestPlan plan_in_parts() {
    RequestPlan plan;
    plan.admitted = true;
    plan.dropped = {BlockId(3)};
    plan.devices = {DeviceId(0), DeviceId(2), DeviceId(2), DeviceId()};
    plan.splits = {{BlockId(1), {Split::Kind::outputs, 2}, {DeviceId(0), DeviceId(1)}},
                   {BlockId(2), {Split::Kind::rows, 3}, {DeviceId(2), DeviceId(1), DeviceId(2)}}};
    return plan;
}

struct Content {
    Header header = sample::header();
    RoundRecord record;
};

Event of_part(Event event, std::int16_t part) {
    event.part = part;
    return event;
}

// One request, on three devices without batteries: block 0 on device 0, block 1 by two parts on devices 0 and 1 that
// device 2 joins, and block 2 there.
Content shared_block() {
    constexpr double endless = std::numeric_limits<double>::infinity();
    constexpr auto compute = EventKind::compute, wait = EventKind::wait;
    Content made;
    for (auto& device : made.header.devices) device.battery_j = endless;
    auto& record = made.record;
    record = sample::record(0);
    record.round.requests = record.round.admitted = 1;
    record.requests.resize(1);
    auto& request = record.requests.front();
    request.finish_s = request.latency_s = 4;
    request.shared_bytes = 3 * 77;
    RequestPlan plan;
    plan.admitted = true;
    plan.devices = {DeviceId(0), DeviceId(2), DeviceId(2)};
    plan.splits = {{BlockId(1), {Split::Kind::outputs, 2}, {DeviceId(0), DeviceId(1)}}};
    record.plans = plan_rows(plan, 0, 0, 0);
    auto const moves = [](std::int32_t from, std::int32_t to, std::int32_t block, std::int16_t part, double begin) {
        return std::vector{of_part(sample::event(EventKind::transmit, from, to, 0, block, begin, begin + 0.5), part),
                           of_part(sample::event(EventKind::receive, to, from, 0, block, begin, begin + 0.5), part)};
    };
    auto const whole = moves(0, 1, 0, -1, 1), first = moves(0, 2, 1, 0, 2), second = moves(1, 2, 1, 1, 2.5);
    record.events = {sample::event(compute, 0, -1, 0, 0, 0, 1),
                     of_part(sample::event(wait, 1, -1, 0, 1, 0, 1.5), 1),
                     sample::event(wait, 2, -1, 0, 1, 0, 3),
                     of_part(sample::event(compute, 0, -1, 0, 1, 1, 2), 0),
                     whole[0],
                     whole[1],
                     of_part(sample::event(compute, 1, -1, 0, 1, 1.5, 2.5), 1),
                     first[0],
                     first[1],
                     second[0],
                     second[1],
                     sample::event(compute, 2, -1, 0, 1, 3, 3.25),
                     sample::event(compute, 2, -1, 0, 2, 3.25, 4)};
    for (auto& event : record.events) event.round = 0;
    record.battery = {{0, 0, endless}, {0, 1, endless}, {0, 2, endless}};
    return made;
}

std::vector<std::string> findings(sample::Folder const& folder, Content const& content) {
    return check(sample::write(folder.file("c.h5"), content.header, {content.record}));
}

void finds(sample::Folder const& folder, std::string const& text, std::function<void(Content&)> const& change) {
    auto content = shared_block();
    change(content);
    auto const found = findings(folder, content);
    bool const contained =
        std::ranges::any_of(found, [&](auto const& sentence) { return sentence.find(text) != std::string::npos; });
    BOOST_TEST_CONTEXT(text << (found.empty() ? ": nothing found" : ", but: " + found.front())) BOOST_TEST(contained);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(trace_parts, sample::Folder)

BOOST_AUTO_TEST_CASE(a_plan_becomes_rows_and_a_plan_again) {
    auto const plan = plan_in_parts();
    auto rows = plan_rows(plan, 7, 1, 3);
    BOOST_REQUIRE(rows.size() == 9U);
    for (auto const& row : rows) BOOST_TEST((row.round == 7 && row.revision == 1 && row.request == 3));
    BOOST_TEST((rows[1].block == 1 && rows[1].part == 0 && rows[1].parts == 2 && rows[1].device == 0));
    BOOST_TEST((rows[3].block == 1 && rows[3].part == -1 && rows[3].device == 2));
    BOOST_TEST((rows[3].split == Split::Kind::outputs && rows[3].parts == 2));
    BOOST_TEST((rows[0].part == -1 && rows[0].parts == 1 && rows[0].split == Split::Kind::whole));
    std::ranges::reverse(rows);
    auto const again = request_plan(rows, 3, 4);
    BOOST_REQUIRE(again);
    BOOST_TEST((again->devices == plan.devices && again->dropped == plan.dropped && again->splits == plan.splits));
}

BOOST_AUTO_TEST_CASE(rows_that_are_no_plan_give_none) {
    auto const with = [](std::function<void(std::vector<PlanRow>&)> const& change) {
        auto rows = plan_rows(plan_in_parts(), 0, 0, 0);
        change(rows);
        return request_plan(rows, 3, 4).has_value();
    };
    BOOST_TEST(with([](auto&) {}));
    BOOST_TEST(!with([](auto& rows) { rows.erase(rows.begin() + 1); }));
    BOOST_TEST(!with([](auto& rows) { rows.erase(rows.begin() + 3); }));
    BOOST_TEST(!with([](auto& rows) { rows.push_back(rows.front()); }));
    BOOST_TEST(!with([](auto& rows) { rows[1].part = 1; }));
    BOOST_TEST(!with([](auto& rows) { rows[1].parts = 3; }));
    BOOST_TEST(!with([](auto& rows) { rows[1].device = 3; }));
    BOOST_TEST(!with([](auto& rows) { rows[1].mode = BlockMode::skip; }));
    BOOST_TEST(!with([](auto& rows) { rows[3].split = Split::Kind::whole; }));
    BOOST_TEST(!with([](auto& rows) { rows[3].part = -2; }));
    BOOST_TEST(!with([](auto& rows) { rows[0].block = 4; }));
    BOOST_TEST(!with([](auto& rows) { rows[0].device = -1; }));
    BOOST_TEST(!with([](auto& rows) { rows.clear(); }));
}

BOOST_AUTO_TEST_CASE(nothing_is_found_in_a_right_trace) {
    auto const found = findings(*this, shared_block());
    BOOST_TEST_CONTEXT((found.empty() ? "" : found.front())) BOOST_TEST(found.empty());
}

BOOST_AUTO_TEST_CASE(plans_have_each_part_once) {
    finds(*this,
          "a plan does not have each part of a block, and its whole: request 0, block 1 in round 0 has 2 rows of "
          "outputs/2",
          [](Content& c) { c.record.plans.erase(c.record.plans.begin() + 1); });
    finds(*this, "has 2 rows of outputs/2, none of part -1",
          [](Content& c) { c.record.plans.erase(c.record.plans.begin() + 3); });
    finds(*this, "a plan names a part twice: request 0, block 1", [](Content& c) { c.record.plans[2].part = 0; });
    finds(*this, "a plan has an unknown split",
          [](Content& c) { c.record.plans[2].split = static_cast<Split::Kind>(9); });
}

BOOST_AUTO_TEST_CASE(parts_are_computed_as_planned) {
    finds(*this,
          "a request does not compute the blocks of its plan, each once: request 0 in round 0: 4 computed, 5 planned",
          [](Content& c) { c.record.events.erase(c.record.events.begin() + 3); });
    finds(*this,
          "a block is not computed where and when its plan says: compute of request 0, block 1, part 1 on device 2, "
          "round "
          "0; by /plans it would be block 1, part 1 on device 1",
          [](Content& c) { c.record.events[6].device = 2; });
    finds(*this, "by /plans it would be block 1, part 1 on device 1", [](Content& c) { c.record.events[6].part = 0; });
    finds(*this, "a block begins before the one before it ends: compute of request 0, block 2",
          [](Content& c) { c.record.events[12].begin_s = 3.2; });
    finds(*this, "an event names a part that does not exist", [](Content& c) { c.record.events[6].part = -2; });
    finds(*this, "a wait is not followed by the block that it is for: wait of request 0, block 1 on device 1",
          [](Content& c) { c.record.events[1].part = -1; });
}

BOOST_AUTO_TEST_CASE(parts_move_once_to_each_device_that_needs_them) {
    finds(*this, "a block begins before its input has arrived: compute of request 0, block 1 on device 2",
          [](Content& c) { c.record.events[11].begin_s = 2.9; });
    finds(*this, "a tensor is transmitted before it is computed: transmit of request 0, block 1, part 1 on device 1",
          [](Content& c) { c.record.events[9].begin_s = 2.4; });
    finds(*this, "a tensor is transmitted twice: transmit of request 0, block 0", [](Content& c) {
        for (int end = 0; end < 2; ++end) c.record.events.push_back(c.record.events[static_cast<std::size_t>(4 + end)]);
    });
    finds(*this,
          "a tensor does not move to the device of the next block: request 0 in round 0, block 1 from device 1 to 2",
          [](Content& c) { c.record.events.erase(c.record.events.begin() + 9, c.record.events.begin() + 11); });
    finds(*this, "a tensor moves between other devices than its plan says: transmit of request 0, block 1, part 1",
          [](Content& c) { c.record.events[9].peer = 0; });
    finds(*this, "a transmission is not received", [](Content& c) { c.record.events[10].part = 0; });
}

BOOST_AUTO_TEST_CASE(throughputs_are_those_of_the_goal) {
    auto const stream = [](Content& c) {
        c.header.goal = c.record.round.goal = Goal::throughput;
        c.record.round.throughput = 0.25;
        c.record.round.throughput_bound = 0.5;
        c.record.prices = {{0, ResourcePrice::Resource::processor, 2, -1, 0.25}};
    };
    auto right = shared_block();
    stream(right);
    // One task at a time: of the memory of device 2 block 2's 20 bytes count, and no number of MACs is too large.
    right.header.devices[2].memory_bytes = 20;
    right.header.devices[2].macs_per_round = 1;
    auto const found = findings(*this, right);
    BOOST_TEST_CONTEXT((found.empty() ? "" : found.front())) BOOST_TEST(found.empty());
    auto const with = [&](std::string const& text, auto change) {
        finds(*this, text, [&](Content& c) {
            stream(c);
            change(c);
        });
    };
    with("plans need more memory than a device has (Eq. 13): device 2, the first plans in round 0: 20 of 19",
         [](Content& c) { c.header.devices[2].memory_bytes = 19; });
    with("throughput passes throughput_bound in round 0: 0.75 and 0.5",
         [](Content& c) { c.record.round.throughput = 0.75; });
    with("throughput is not that of plans", [](Content& c) { c.record.round.throughput = 0; });
    with("a price is of a device or link that does not exist", [](Content& c) { c.record.prices[0].peer = 1; });
    with("a price is not above 0", [](Content& c) { c.record.prices[0].price = -1; });
    finds(*this, "a round whose goal is latency has a throughput",
          [](Content& c) { c.record.round.throughput_bound = 1; });
}

BOOST_AUTO_TEST_SUITE_END()
