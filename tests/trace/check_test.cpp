#include "trace/check.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "earlier.hpp"
#include "hdf5/file.hpp"
#include "sample.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::trace;

namespace {

struct Content {
    Header header = sample::header();
    std::vector<RoundRecord> records = sample::records(5);
};

std::vector<std::string> findings(sample::Folder const& folder, Content const& content, Ended ended = Ended::finished) {
    return check(sample::write(folder.file("c.h5"), content.header, content.records, ended));
}

// A trace that was changed so has a finding that contains `text`.
void finds(sample::Folder const& folder, std::string const& text, std::function<void(Content&)> const& change) {
    Content content;
    change(content);
    auto const found = findings(folder, content);
    bool const contained =
        std::ranges::any_of(found, [&](auto const& sentence) { return sentence.find(text) != std::string::npos; });
    for (auto const& sentence : found) BOOST_TEST_MESSAGE(sentence);
    BOOST_TEST_CONTEXT(text << (found.empty() ? ": nothing found" : ", but: " + found.front())) BOOST_TEST(contained);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(trace_check, sample::Folder)

BOOST_AUTO_TEST_CASE(finds_nothing_in_a_right_trace) {
    for (std::int32_t const rounds : {1, 3, 4, 5, 8}) {
        auto const found = findings(*this, {sample::header(), sample::records(rounds)});
        for (auto const& sentence : found) BOOST_TEST_MESSAGE(sentence);
        BOOST_TEST_CONTEXT(rounds << " rounds") BOOST_TEST(found.empty());
    }
}

BOOST_AUTO_TEST_CASE(says_that_a_run_did_not_end) {
    auto const interrupted = findings(*this, {}, Ended::interrupted);
    BOOST_REQUIRE(interrupted.size() == 1);
    BOOST_TEST(interrupted.front() == "the trace is not complete: the run was interrupted after rounds: 5");
    auto const failed = findings(*this, {}, Ended::failed);
    BOOST_TEST(failed.front() == "the trace is not complete: the run failed after rounds: 5");
    sample::write(file("t.h5"), sample::header(), sample::records(2));
    hdf5::File::open(file("t.h5"), hdf5::Access::write).write_integer("complete", 0);
    BOOST_TEST(check(file("t.h5")).front() == "attribute complete does not agree with ended: 0 and 'finished'");
    hdf5::File::open(file("t.h5"), hdf5::Access::write).write_string("ended", "running", 16);
    BOOST_TEST(check(file("t.h5")).front() ==
               "the trace is not complete: the run is still going on or was killed; rounds so far: 2");
}

BOOST_AUTO_TEST_CASE(finds_missing_units) {
    sample::write(file("t.h5"), sample::header(), sample::records(2));
    hdf5::File::open(file("t.h5"), hdf5::Access::write).dataset("battery").write_strings("units", {"remaining_j=kWh"});
    auto const found = check(file("t.h5"));
    BOOST_REQUIRE(found.size() == 1);
    BOOST_TEST(found.front() == "a table's attribute units lacks an entry: /battery lacks remaining_j=J");
}

BOOST_AUTO_TEST_CASE(finds_rounds_that_do_not_follow_each_other) {
    finds(*this, "a round says that the next one starts at another time than that does in round 1: at 20 s and at 13 s",
          [](Content& c) { c.records[2].round.start_s = 13; });
    finds(*this, "a round starts before the one before it ends in round 2",
          [](Content& c) { c.records[2].round.start_s = c.records[1].round.next_start_s = 13; });
    finds(*this, "the next round would start before this one ends in round 4",
          [](Content& c) { c.records[4].round.next_start_s = 43; });
    finds(*this, "a round does not say when the next one starts in round 4",
          [](Content& c) { c.records[4].round.next_start_s = no_value; });
    finds(*this, "a round ends before it starts in round 1", [](Content& c) { c.records[1].round.end_s = 9; });
    finds(*this, "/devices is not numbered", [](Content& c) { c.header.devices[1].device = 2; });
    finds(*this, "/blocks is not numbered", [](Content& c) { c.header.blocks[1].block = 0; });
    finds(*this, "a block's stage is not 1 or more", [](Content& c) { c.header.blocks[1].stage = 0; });
    finds(*this, "a block lacks what it reads", [](Content& c) { c.header.blocks[0].input_bytes = -1; });
    finds(*this, "a block does not read what the block before it gives: block 1 reads 76 bytes instead of 77",
          [](Content& c) { c.header.blocks[1].input_bytes = 76; });
    finds(*this, "a device has no mac_rate", [](Content& c) { c.header.devices[1].mac_rate = 0; });
}

BOOST_AUTO_TEST_CASE(finds_plans_that_need_more_than_a_device_has) {
    // Device 2 runs 20 + 1 + 20 bytes of request 1, with the weights of three blocks 120 more; 10 + 1 + 12 macs.
    finds(*this, "plans need more memory than a device has (Eq. 13): device 2, the first plans in round 0: 41 of 40",
          [](Content& c) { c.header.devices[2].memory_bytes = 40; });
    finds(*this, "(Eq. 13): device 2, the first plans in round 0: 161 of 100",
          [](Content& c) { c.header.provenance.scenario += "memory = \"resident\"\n"; });
    finds(*this, "plans need more macs than a device has (Eq. 14): device 2, the first plans in round 0: 3000 of 22",
          [](Content& c) { c.header.devices[2].macs_per_round = 22; });
    Content fits;
    for (auto& device : fits.header.devices) device.memory_bytes = 161;
    fits.header.provenance.scenario += "memory = \"resident\"\n";
    BOOST_TEST(findings(*this, fits).empty());
    // Request 0 moves to device 2 as well, which then needs 20 bytes of each of its blocks 0 and 1 more.
    finds(*this, "(Eq. 13): device 2, revision 1 of request 0 in round 0: 81 of 80", [](Content& c) {
        c.header.devices[2].memory_bytes = 80;
        for (std::int32_t block = 0; block < 3; ++block)
            c.records[0].plans.push_back(
                {0, 1, 0, block, block < 2 ? 2 : -1, block < 2 ? BlockMode::full : BlockMode::skip});
    });
    finds(*this, "a device computes more macs in a round than it may (Eq. 14): device 0 in round 0: 20001 of 20000",
          [](Content& c) { c.records[0].events[0].macs = 20'001; });
}

BOOST_AUTO_TEST_CASE(finds_requests_that_do_not_fit) {
    finds(*this, "/rounds counts other requests than /requests in round 0: 4 and 3",
          [](Content& c) { c.records[0].round.requests = 4; });
    finds(*this, "/rounds counts other admitted requests", [](Content& c) { c.records[0].round.admitted = 3; });
    finds(*this, "requests are not numbered from 0", [](Content& c) { c.records[0].requests[1].request = 5; });
    finds(*this, "a request has an unknown status",
          [](Content& c) { c.records[0].requests[1].status = static_cast<RequestStatus>(9); });
    finds(*this, "does not finish between its arrival and its round's end",
          [](Content& c) { c.records[0].requests[0].finish_s = 4.5; });
    finds(*this, "a request's latency is not", [](Content& c) { c.records[0].requests[0].latency_s = 2.7; });
    finds(*this, "a request's accuracy is not in 0…1", [](Content& c) { c.records[0].requests[0].accuracy = 90; });
    finds(*this, "a rejected request finishes", [](Content& c) { c.records[0].requests[2].finish_s = 1; });
    finds(*this, "a request's shared_bytes is not what was transmitted",
          [](Content& c) { c.records[0].requests[0].shared_bytes = 78; });
}

BOOST_AUTO_TEST_CASE(finds_plans_that_do_not_fit) {
    finds(*this, "a request's plan does not fit its status: request 0 in round 1 has 2 of 3 blocks",
          [](Content& c) { c.records[1].plans.erase(c.records[1].plans.begin()); });
    finds(*this, "a plan names a block twice", [](Content& c) { c.records[1].plans.push_back(c.records[1].plans[0]); });
    finds(*this, "a plan names a request that does not exist", [](Content& c) { c.records[1].plans[0].request = 3; });
    finds(*this, "a plan names a block that does not exist", [](Content& c) { c.records[1].plans[0].block = 3; });
    finds(*this, "a plan names a device that does not exist", [](Content& c) { c.records[1].plans[0].device = 3; });
    finds(*this, "a plan has no device for a block that is not dropped",
          [](Content& c) { c.records[1].plans[0].device = -1; });
    finds(*this, "a plan has an unknown mode",
          [](Content& c) { c.records[1].plans[0].mode = static_cast<BlockMode>(7); });
}

BOOST_AUTO_TEST_CASE(finds_events_that_cannot_be) {
    auto const with = [&](std::string const& text, std::size_t index, auto change) {
        finds(*this, text, [&](Content& c) { change(c.records[1].events[index]); });
    };
    with("an event is not inside its round: compute of request 0, block 0 on device 0, round 1", 0,
         [](Event& e) { e.begin_s = 9; });
    with("an event is not inside its round", 7, [](Event& e) { e.end_s = 14.1; });
    with("an event is on a device that does not exist", 0, [](Event& e) { e.device = 3; });
    with("a transfer has a peer that does not exist", 2, [](Event& e) { e.peer = -1; });
    with("an event that is no transfer has a peer", 0, [](Event& e) { e.peer = 1; });
    with("an event names a request that does not exist", 0, [](Event& e) { e.request = 3; });
    with("an event names a block that does not exist", 0, [](Event& e) { e.block = -1; });
    with("an event has an unknown kind", 1, [](Event& e) { e.kind = static_cast<EventKind>(5); });
    with("an event ends before it begins", 0, [](Event& e) { e.end_s = 9.5; });
    with("a processor does two things at a time", 1, [](Event& e) { e.end_s = 11.7; });
    with("a flag says overrun without one", 0, [](Event& e) { e.flags = event_flags::overrun; });
}

BOOST_AUTO_TEST_CASE(finds_transfers_with_one_end) {
    finds(*this, "a transmission is not received",
          [](Content& c) { c.records[1].events.erase(c.records[1].events.begin() + 3); });
    finds(*this, "what is received was not transmitted",
          [](Content& c) { c.records[1].events.erase(c.records[1].events.begin() + 2); });
    finds(*this, "a transmission takes another time", [](Content& c) { c.records[1].events[3].end_s += 1e-3; });
    finds(*this, "something is received before it is transmitted", [](Content& c) {
        c.records[1].events[3].begin_s -= 0.25;
        c.records[1].events[3].end_s -= 0.25;
    });
    finds(*this, "a transmission has other bytes", [](Content& c) { c.records[1].events[3].bytes = 78; });
}

BOOST_AUTO_TEST_CASE(finds_overruns_without_a_flag) {
    Content content;
    content.header.provenance.clock = "wall";
    content.header.provenance.dilation = 2;
    for (auto& record : content.records) {
        record.round.host_start_s = 2 * record.round.start_s + 0.5;
        for (auto& event : record.events) {
            event.host_begin_s = 2 * event.begin_s + 0.5;
            event.host_end_s = 2 * event.end_s + 0.5;
        }
    }
    BOOST_TEST(findings(*this, content).empty());
    auto& late = content.records[2].events[0];  // 1 s long: late by 1.5 %
    late.host_end_s += 2 * 0.015;
    BOOST_TEST(findings(*this, content).front() ==
               "an overrun is not flagged: compute of request 0, block 0 on device 0, round 2");
    late.flags = event_flags::overrun;
    BOOST_TEST(findings(*this, content).empty());
    late.host_end_s -= 2 * 0.010;
    BOOST_TEST(findings(*this, content).front().starts_with("a flag says overrun without one"));
}

BOOST_AUTO_TEST_CASE(holds_the_battery_ledger_against_the_events) {
    std::string const disagrees = "the battery ledger does not agree with the events";
    finds(*this, disagrees + ": device 0 in round 2", [](Content& c) { c.records[2].battery[0].remaining_j -= 1e-6; });
    std::string const less = "a battery holds less than nothing, or no number: device 1 in round 3";
    finds(*this, less, [](Content& c) { c.records[3].battery[1].remaining_j = -1e-300; });
    finds(*this, less, [](Content& c) { c.records[3].battery[1].remaining_j = std::nan(""); });
    finds(*this, disagrees, [](Content& c) { c.header.devices[0].power_compute_w += 1e-6; });
    finds(*this, disagrees, [](Content& c) { c.header.devices[0].power_transmit_w += 1e-6; });
    finds(*this, disagrees, [](Content& c) { c.header.devices[1].power_receive_w += 1e-6; });
    finds(*this, disagrees, [](Content& c) { c.header.devices[1].power_idle_w += 1e-6; });
    finds(*this, disagrees, [](Content& c) { c.records[2].battery[2].remaining_j = 36; });
    finds(*this, "/battery does not have one row per device", [](Content& c) { c.records[2].battery.pop_back(); });
    finds(*this, "/battery does not have one row per device", [](Content& c) { c.records[2].battery[1].device = 0; });
    finds(*this, disagrees + ": device 1 in round 4", [](Content& c) { c.records[4].battery[1].remaining_j -= 1; });
    finds(*this, disagrees + ": device 0 in round 4", [](Content& c) { c.records[4].round.next_start_s = 51; });
}

// Traces of earlier programs do not say when the next round would have started: as findings(), of such a trace.
std::vector<std::string> findings_of_earlier(sample::Folder const& folder, Content const& content) {
    return check(sample::without_later_columns(sample::write(folder.file("c.h5"), content.header, content.records)));
}

BOOST_AUTO_TEST_CASE(infers_the_end_of_the_last_round_where_the_trace_does_not_say_it) {
    for (std::int32_t const rounds : {1, 3, 4, 5}) {
        BOOST_TEST_CONTEXT(rounds << " rounds")
        BOOST_TEST(findings_of_earlier(*this, {sample::header(), sample::records(rounds)}).empty());
    }
    Content less;
    less.records[4].battery[1].remaining_j -= 1;
    auto const found = findings_of_earlier(*this, less);
    BOOST_REQUIRE(found.size() == 1);
    BOOST_TEST(found.front().starts_with("the battery ledger does not agree with the events: device 1 in round 4"));
    // Devices that are down and up again after the round's end: each alone would allow several ends.
    Content down{sample::header(), sample::records(1)};
    down.records[0].outages = {{5, 6, 0, -1, "failure"}, {6, 8, 1, -1, "failure"}, {7, 9, 2, -1, "failure"}};
    down.records[0].battery[0].remaining_j += 1;
    down.records[0].battery[1].remaining_j += 2;
    down.records[0].battery[2].remaining_j += 2;
    BOOST_TEST(findings_of_earlier(*this, down).empty());
    // No battery tells it where all are empty that idling drains.
    Content empty{sample::header(), sample::records(4)};
    for (auto& device : empty.header.devices)
        if (device.device < 2) device.power_idle_w = 0;
    for (auto& record : empty.records)
        for (auto& row : record.battery) {
            double const rounds = record.round.round + 1;
            if (row.device == 0) row.remaining_j = 500 - rounds * 13;
            if (row.device == 1) row.remaining_j = 501 - rounds * (2 * 0.5 + 8 * 0.975);
        }
    BOOST_TEST(findings(*this, empty).empty());
    BOOST_TEST(findings_of_earlier(*this, empty).empty());
}

BOOST_AUTO_TEST_CASE(late_times_may_be_less_exact) {
    Content late{sample::header(), sample::records(1)};
    auto& record = late.records[0];
    constexpr double latency = 1.2345678e8;
    record.events[3].begin_s = record.events[2].begin_s + latency;
    record.events[3].end_s = record.events[2].end_s + latency;
    record.events[4].begin_s = record.events[3].end_s;
    record.events[4].end_s = record.events[4].begin_s + 0.975;
    record.events[1].end_s = record.events[3].end_s;
    record.requests[0].finish_s = record.requests[0].latency_s = record.events[4].end_s;
    record.round.end_s = record.round.next_start_s = record.events[4].end_s;
    for (auto& device : late.header.devices) device.power_idle_w = 0;
    auto const length = [&](std::size_t i) { return record.events[i].end_s - record.events[i].begin_s; };
    record.battery = {{0, 0, 500 - 13}, {0, 1, 501 - (2 * length(3) + 8 * length(4))}, {0, 2, 149 - 32}};
    auto const found = findings(*this, late);
    BOOST_TEST_CONTEXT((found.empty() ? "" : found.front())) BOOST_TEST(found.empty());
}

BOOST_AUTO_TEST_CASE(an_energy_error_of_1e_9_relative_is_found_and_less_is_not) {
    Content content;
    auto const spent = content.records[0].battery[0].remaining_j - content.records[1].battery[0].remaining_j;
    auto const shifted = [&](double relative) {
        auto changed = content;
        for (std::size_t round = 1; round < 5; ++round)
            changed.records[round].battery[0].remaining_j -= relative * spent;
        return findings(*this, changed);
    };
    BOOST_TEST(shifted(0.5e-9).empty());
    BOOST_TEST(shifted(2e-9).size() == 1);
}

BOOST_AUTO_TEST_CASE(an_empty_battery_does_no_work) {
    finds(*this, "a device works while it is off", [](Content& c) { c.records[3].outages[0].begin_s = 31; });
    finds(*this, "an outage names a device that does not exist",
          [](Content& c) { c.records[3].outages[0].device = 3; });
    finds(*this, "an outage ends before it begins", [](Content& c) { c.records[3].outages[0].end_s = 36; });
    finds(*this, "an outage has no cause", [](Content& c) { c.records[3].outages[0].cause = ""; });
}

BOOST_AUTO_TEST_CASE(mains_supply_stays_without_end) {
    auto const on_mains = [](Content& content) {
        content.header.devices[0].battery_j = std::numeric_limits<double>::infinity();
        for (auto& record : content.records) record.battery[0].remaining_j = std::numeric_limits<double>::infinity();
    };
    Content content;
    on_mains(content);
    auto const found = findings(*this, content);
    BOOST_TEST_CONTEXT((found.empty() ? "" : found.front())) {
        BOOST_TEST(found.empty());
    }
    finds(*this, "the battery ledger does not agree with the events: device 0 in round 2", [&](Content& c) {
        on_mains(c);
        c.records[2].battery[0].remaining_j = 1e300;
    });
    finds(*this, "a device's battery is negative or no number", [](Content& c) { c.header.devices[0].battery_j = -1; });
    finds(*this, "a device's power is negative, infinite or no number",
          [](Content& c) { c.header.devices[0].power_idle_w = std::numeric_limits<double>::infinity(); });
}

BOOST_AUTO_TEST_CASE(without_an_accuracy_table_no_request_has_an_accuracy) {
    auto const without = [](Content& content) {
        content.header.provenance.scenario = "seed = 1\n\n[accuracy]\ntable = \"none\"\n";
        for (auto& record : content.records)
            for (auto& request : record.requests) request.accuracy = no_value;
    };
    Content content;
    without(content);
    auto const found = findings(*this, content);
    BOOST_TEST_CONTEXT((found.empty() ? "" : found.front())) {
        BOOST_TEST(found.empty());
    }
    finds(*this, "a request has an accuracy, but there was no accuracy table", [&](Content& c) {
        without(c);
        c.records[0].requests[0].accuracy = 0.9;
    });
    finds(*this, "a request's accuracy is not in 0…1",
          [](Content& c) { c.records[0].requests[0].accuracy = no_value; });
}

BOOST_AUTO_TEST_CASE(finds_rates_that_are_none) {
    finds(*this, "a device has a link to itself: 1 to 1 in round 1",
          [](Content& c) { c.records[1].rate_bit_s[4] = 1; });
    finds(*this, "a link has no rate: 0 to 1 in round 1", [](Content& c) { c.records[1].rate_bit_s[1] = no_value; });
}

BOOST_AUTO_TEST_CASE(many_findings_of_a_kind_are_counted) {
    Content content;
    for (auto& record : content.records) record.requests[0].accuracy = 2;
    auto const found = findings(*this, content);
    BOOST_REQUIRE(found.size() == 4);
    BOOST_TEST(found.back() == "a request's accuracy is not in 0…1: 2 more like that");
}

BOOST_AUTO_TEST_CASE(of_what_is_no_trace_is_an_input_error) {
    BOOST_CHECK_THROW(check(file("none.h5")), InputError);
}

BOOST_AUTO_TEST_SUITE_END()
