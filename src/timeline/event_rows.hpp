#pragma once

#include <tuple>
#include <utility>

#include "timeline/timeline.hpp"

namespace skipstone::timeline {

// The canonical order of a round's events goes by it.
inline auto canonical_key(Event const& event) {
    return std::tuple(event.begin_s, event.device, event.kind, event.end_s, event.request, event.block, event.part,
                      event.peer);
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
