// Requests that leave early: the trace's columns, and what check() finds.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "sample.hpp"
#include "trace/check.hpp"
#include "trace/digest.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::trace;

namespace {

struct Content {
    Header header = sample::header();
    RoundRecord record;
};

// Two requests that are done, on devices without batteries. The exit is behind block 0, and its head is block 3. The
// first request leaves there; the second one passes it on device 2, and ends behind block 2.
Content early_exit() {
    constexpr double endless = std::numeric_limits<double>::infinity();
    Content made;
    for (auto& device : made.header.devices) device.battery_j = endless;
    made.header.blocks.push_back({3, "exit.b0", 100, 5, 40, 4, 0, 0, 1, 77, 0, 0.75});
    auto& record = made.record;
    record = sample::record(0);
    auto& first = record.requests[0];
    first.finish_s = first.latency_s = 1.25;
    first.shared_bytes = 0;
    first.exit = 0;
    first.confidence = 0.875;
    first.verdict = 4;
    auto& second = record.requests[1];
    second.confidence = 0.5;
    second.verdict = 5;
    record.exits = {{0, 0, 0, 4, 0.875, Left::yes}, {0, 1, 0, 7, 0.25, Left::no}};
    auto const compute = [](std::int32_t device, std::int32_t request, std::int32_t block, double begin, double end) {
        auto event = sample::event(EventKind::compute, device, -1, request, block, begin, end);
        event.round = 0;
        if (block == 3) event.macs = 100;
        return event;
    };
    for (auto& plan : record.plans)
        if (plan.request == 1) plan.mode = BlockMode::full;
    record.events = {compute(0, 0, 0, 0, 1),    compute(2, 1, 0, 0, 2),    compute(0, 0, 3, 1, 1.25),
                     compute(2, 1, 3, 2, 2.25), compute(2, 1, 1, 2.25, 3), compute(2, 1, 2, 3, 4)};
    record.battery = {{0, 0, endless}, {0, 1, endless}, {0, 2, endless}};
    return made;
}

std::vector<std::string> findings(sample::Folder const& folder, Content const& content) {
    return check(sample::write(folder.file("c.h5"), content.header, {content.record}));
}

void finds(sample::Folder const& folder, std::string const& text, std::function<void(Content&)> const& change) {
    auto content = early_exit();
    change(content);
    auto const found = findings(folder, content);
    bool const contained =
        std::ranges::any_of(found, [&](auto const& sentence) { return sentence.find(text) != std::string::npos; });
    BOOST_TEST_CONTEXT(text << (found.empty() ? ": nothing found" : ", but: " + found.front())) BOOST_TEST(contained);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(trace_exits, sample::Folder)

BOOST_AUTO_TEST_CASE(nothing_is_found_in_a_right_trace) {
    auto const found = findings(*this, early_exit());
    BOOST_TEST_CONTEXT((found.empty() ? "" : found.front())) BOOST_TEST(found.empty());
}

BOOST_AUTO_TEST_CASE(rows_come_back) {
    auto const content = early_exit();
    Reader const trace(sample::write(file("t.h5"), content.header, {content.record}));
    BOOST_TEST(trace.header().chain() == 3U);
    BOOST_TEST(trace.header().blocks[3].after == 0);
    BOOST_TEST(trace.header().blocks[3].threshold == 0.75);
    auto const rows = trace.read<ExitRow>(trace.rows_of<ExitRow>(RoundId(0)));
    BOOST_REQUIRE(rows.size() == 2U);
    BOOST_TEST((rows[1].request == 1 && rows[1].predicted == 7 && rows[1].confidence == 0.25));
    BOOST_TEST((rows[0].left == Left::yes && rows[1].left == Left::no));
    auto const requests = trace.read<RequestRow>();
    BOOST_TEST((requests[0].exit == 0 && requests[0].verdict == 4 && requests[1].exit == -1));
    BOOST_TEST(std::isnan(requests[2].confidence));

    auto other = content;
    other.record.exits[1].confidence = 0.5;
    BOOST_TEST(digest(sample::write(file("u.h5"), other.header, {other.record})) != digest(file("t.h5")));
    other = content;
    other.record.requests[1].confidence = 0.75;
    BOOST_TEST(digest(sample::write(file("u.h5"), other.header, {other.record})) != digest(file("t.h5")));

    Reader const none(sample::write(file("n.h5"), sample::header(), sample::records(1)));
    BOOST_TEST(!none.header().has_exits());
    BOOST_TEST(none.rows<ExitRow>() == 0U);
}

BOOST_AUTO_TEST_CASE(heads_stand_behind_the_chain) {
    for (auto const after : {-2, 3, 7}) {
        auto content = early_exit();
        content.header.blocks[3].after = after;
        sample::write(file("t.h5"), content.header, {content.record});
        BOOST_CHECK_THROW(Reader(file("t.h5")), InputError);
    }
    auto content = early_exit();
    std::swap(content.header.blocks[2], content.header.blocks[3]);
    sample::write(file("t.h5"), content.header, {content.record});
    BOOST_CHECK_THROW(Reader(file("t.h5")), InputError);
    finds(*this, "an exit's threshold is not in 0…1: block 3",
          [](Content& c) { c.header.blocks[3].threshold = no_value; });
    finds(*this, "a head does not read what its block gives: block 3 reads 76",
          [](Content& c) { c.header.blocks[3].input_bytes = 76; });
}

BOOST_AUTO_TEST_CASE(who_leaves_follows_from_confidence_and_threshold) {
    finds(*this, "left is not what confidence and threshold say: request 0 in round 0, block 0: 0.5 and 0.75",
          [](Content& c) { c.record.exits[0].confidence = c.record.requests[0].confidence = 0.5; });
    finds(*this, "left is not what confidence and threshold say: request 1",
          [](Content& c) { c.record.exits[1].confidence = 1; });
    finds(*this, "a request does not pass every exit, and leaves at none: request 1 in round 0: 0 of 1",
          [](Content& c) { c.record.exits.pop_back(); });
    finds(*this, "a request does not pass the exits in their order: request 1 in round 0: block 1, as number 0",
          [](Content& c) { c.record.exits[1].exit = 1; });
    finds(*this, "a request does not pass the exits in their order: request 0 in round 0: block 0, as number 1",
          [](Content& c) { c.record.exits.insert(c.record.exits.begin(), c.record.exits.front()); });
    finds(*this, "an exit tells no class", [](Content& c) { c.record.exits[1].predicted = -1; });
    finds(*this, "/exits is not in the order of the requests",
          [](Content& c) { std::swap(c.record.exits[0], c.record.exits[1]); });
    finds(*this, "/exits names a request that does not exist", [](Content& c) { c.record.exits[1].request = 3; });
    finds(*this, "/exits: a request that is not done passes exits", [](Content& c) { c.record.exits[1].request = 2; });
    finds(*this, "exit is not where /exits says that it left: request 1 in round 0: 0 instead of -1",
          [](Content& c) { c.record.requests[1].exit = 0; });
    finds(*this, "verdict and confidence are not those of the exit where it left: request 0",
          [](Content& c) { c.record.requests[0].verdict = 5; });
    finds(*this, "a request that is done has no verdict", [](Content& c) { c.record.requests[1].verdict = -1; });
    finds(*this, "a request that is not done has an exit, a confidence or a verdict: request 2",
          [](Content& c) { c.record.requests[2].confidence = 0; });
    auto chain = sample::record(0);
    chain.requests[0].exit = 1;
    auto const found = check(sample::write(file("c.h5"), sample::header(), {chain}));
    BOOST_TEST(std::ranges::any_of(found, [](std::string const& sentence) {
        return sentence.find("a request leaves, and there are no exits") != std::string::npos;
    }));
}

BOOST_AUTO_TEST_CASE(nothing_happens_behind_the_exit_that_was_taken) {
    finds(*this, "does not compute the blocks of its plan, each once: request 0 in round 0: 3 computed, 2 planned",
          [](Content& c) {
              auto event = c.record.events[0];
              event.device = event.block = 1;
              event.begin_s = 2;
              event.end_s = 3;
              c.record.events.push_back(event);
          });
    finds(*this, "a tensor is transmitted that no plan moves: transmit of request 0, block 0", [](Content& c) {
        c.record.events.push_back(sample::event(EventKind::transmit, 0, 1, 0, 0, 1.25, 2));
        c.record.events.push_back(sample::event(EventKind::receive, 1, 0, 0, 0, 1.25, 2));
        for (auto& event : c.record.events) event.round = 0;
        c.record.requests[0].shared_bytes = 77;
    });
    finds(*this, "something behind an exit begins before its head ends: compute of request 1, block 1",
          [](Content& c) { c.record.events[4].begin_s = 2.125; });
    finds(*this, "macs is not what the block costs in its mode: compute of request 1, block 3",
          [](Content& c) { c.record.events[3].macs = 99; });
    finds(*this, "by /plans it would be block 3 on device 2", [](Content& c) { c.record.events[3].device = 1; });
    finds(*this, "finish_s is not when the last block ends: request 0",
          [](Content& c) { c.record.requests[0].finish_s = c.record.requests[0].latency_s = 1.5; });
    finds(*this, "does not compute the blocks of its plan, each once: request 1 in round 0: 3 computed, 4 planned",
          [](Content& c) { c.record.events.erase(c.record.events.begin() + 3); });
}

BOOST_AUTO_TEST_CASE(plans_have_room_for_those_that_stay) {
    finds(*this, "plans need more memory than a device has (Eq. 13): device 0, the first plans in round 0: 25 of 24",
          [](Content& c) { c.header.devices[0].memory_bytes = 24; });
    finds(*this, "plans need more macs than a device has (Eq. 14): device 2, the first plans in round 0: 3100 of 3099",
          [](Content& c) { c.header.devices[2].macs_per_round = 3099; });
    auto reserved = early_exit();
    reserved.header.provenance.scenario += "reserve = \"expected\"\n";
    reserved.header.devices[2].macs_per_round = 3000;
    auto const found = findings(*this, reserved);
    BOOST_TEST_CONTEXT((found.empty() ? "" : found.front())) BOOST_TEST(found.empty());
}

BOOST_AUTO_TEST_SUITE_END()
