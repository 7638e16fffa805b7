#pragma once

#include <tuple>
#include <utility>

#include "timeline/timeline.hpp"

namespace skipstone::timeline {

// The canonical order of a round's events.
inline bool in_canonical_order(Event const& a, Event const& b) {
    if (a.begin_s != b.begin_s) return a.begin_s < b.begin_s;  // decides nearly always
    auto const rest = [](Event const& e) {
        return std::tie(e.device, e.kind, e.end_s, e.request, e.block, e.part, e.peer);
    };
    return rest(a) < rest(b);
}

// A move as seen by its sender and its receiver; without times.
inline std::pair<Event, Event> transfer(Job const& job, Move const& move, RoundId round) {
    Event transmit{.device = move.sender.value(),
                   .peer = move.receiver.value(),
                   .round = round.value(),
                   .request = job.request.value(),
                   .kind = EventKind::transmit,
                   .bytes = move.bytes.shared.value()};
    if (move.from) {
        Task const& from = job.work.tasks[move.from.index()];
        transmit.block = from.block.value();
        transmit.part = from.part;
    }
    Event receive = transmit;
    std::swap(receive.device, receive.peer);
    receive.kind = EventKind::receive;
    return {transmit, receive};
}

}  // namespace skipstone::timeline
