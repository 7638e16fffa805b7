#include "trace/check_events.hpp"

#include <array>
#include <tuple>

namespace skipstone::trace {

namespace {

void check_event(Event const& event, Round const& round, std::size_t devices, std::size_t blocks, Findings& findings) {
    auto const transfer = event.kind == EventKind::transmit || event.kind == EventKind::receive;
    auto const where = ": " + named(event);
    if (event.kind < EventKind::compute || event.kind > EventKind::wait)
        findings.add("an event has an unknown kind", where);
    if (!is_index(event.device, devices)) findings.add("an event is on a device that does not exist", where);
    if (transfer ? !is_index(event.peer, devices) : event.peer != -1)
        findings.add(transfer ? "a transfer has a peer that does not exist" : "an event that is no transfer has a peer",
                     where);
    if (!is_index(event.request, round.requests.size()))
        findings.add("an event names a request that does not exist", where);
    if (!is_index(event.block, blocks) && !(transfer && event.block == -1))
        findings.add("an event names a block that does not exist", where);
    if (event.part < -1 || (event.part >= 0 && event.block < 0))
        findings.add("an event names a part that does not exist", where);
    if (!(event.begin_s <= event.end_s)) findings.add("an event ends before it begins", where);
    if (event.bytes < 0 || event.macs < 0) findings.add("an event has less than no bytes or MACs", where);
    if (!not_after(round.row.start_s, event.begin_s) || !not_after(event.end_s, round.row.end_s))
        findings.add("an event is not inside its round", where);
}

// Two blocks at a time on one processor, or a wait while it computes.
void check_processors(Round const& round, Findings& findings) {
    std::map<std::int32_t, std::vector<Event const*>> by_device;
    for (auto const& event : round.events)
        if (event.kind == EventKind::compute || event.kind == EventKind::wait)
            by_device[event.device].push_back(&event);
    for (auto& [device, events] : by_device) {
        std::ranges::sort(events, {}, [](Event const* event) { return std::pair(event->begin_s, event->end_s); });
        for (std::size_t i = 1; i < events.size(); ++i)
            if (!not_after(events[i - 1]->end_s, events[i]->begin_s))
                findings.add("a processor does two things at a time", ": ", named(*events[i - 1]), " and ",
                             named(*events[i]));
    }
}

// Every transmission has its reception, later by the latency, and the other way round.
void check_transfers(Round const& round, Findings& findings) {
    // From, to, request, block, part.
    using Key = std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int32_t, std::int16_t>;
    std::map<Key, std::array<std::vector<Event const*>, 2>> transfers;
    for (auto const& event : round.events) {
        if (event.flags & event_flags::failed) continue;
        if (event.kind == EventKind::transmit)
            transfers[{event.device, event.peer, event.request, event.block, event.part}][0].push_back(&event);
        if (event.kind == EventKind::receive)
            transfers[{event.peer, event.device, event.request, event.block, event.part}][1].push_back(&event);
    }
    for (auto& [key, ends] : transfers) {
        for (auto& events : ends) std::ranges::sort(events, {}, &Event::begin_s);
        auto const& [sent, received] = ends;
        for (std::size_t i = 0; i < std::max(sent.size(), received.size()); ++i) {
            if (i >= received.size()) {
                findings.add("a transmission is not received", ": ", named(*sent[i]));
            } else if (i >= sent.size()) {
                findings.add("what is received was not transmitted", ": ", named(*received[i]));
            } else {
                auto const difference =
                    (received[i]->end_s - received[i]->begin_s) - (sent[i]->end_s - sent[i]->begin_s);
                if (!(std::abs(difference) <= rounding_of(received[i]->end_s)))
                    findings.add("a transmission takes another time than its reception", ": ", named(*sent[i]));
                if (!not_after(sent[i]->begin_s, received[i]->begin_s))
                    findings.add("something is received before it is transmitted", ": ", named(*received[i]));
                if (sent[i]->bytes != received[i]->bytes)
                    findings.add("a transmission has other bytes than its reception", ": ", named(*sent[i]));
            }
        }
    }
}

void check_overruns(Round const& round, Provenance const& provenance, Findings& findings) {
    auto const wall = provenance.clock == "wall";
    for (auto const& event : round.events) {
        bool const flagged = event.flags & event_flags::overrun;
        bool const late =
            wall && event.kind != EventKind::wait && !(event.flags & event_flags::failed) &&
            !(lateness(event, round.row.start_s, round.row.host_start_s, provenance.dilation) <= overrun_lateness);
        if (late != flagged)
            findings.add(late ? "an overrun is not flagged" : "a flag says overrun without one", ": ", named(event));
    }
}

}  // namespace

void check_events(Round const& round, Header const& header, Findings& findings) {
    for (auto const& event : round.events)
        check_event(event, round, header.devices.size(), header.blocks.size(), findings);
    check_processors(round, findings);
    check_transfers(round, findings);
    check_overruns(round, header.provenance, findings);
    std::vector<std::int64_t> shared(round.requests.size(), 0);
    for (auto const& event : round.events)
        if (event.kind == EventKind::transmit && is_index(event.request, shared.size()))
            shared[static_cast<std::size_t>(event.request)] += event.bytes;
    for (std::size_t i = 0; i < shared.size(); ++i)
        if (round.requests[i].status == RequestStatus::done && shared[i] != round.requests[i].shared_bytes)
            findings.add("a request's shared_bytes is not what was transmitted for it", ": request ", i,
                         in_round(round.row), ": ", round.requests[i].shared_bytes, " and ", shared[i]);
}

}  // namespace skipstone::trace
