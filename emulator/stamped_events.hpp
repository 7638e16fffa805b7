#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "emulator/protocol.hpp"
#include "model/event.hpp"

namespace skipstone::emulator {

// A round's events by what nodes call them: computations and transfers that were carried out.
class StampedEvents {
  public:
    StampedEvents() = default;
    explicit StampedEvents(std::vector<Event> const& events);
    // Sets the host times of the event that a stamp is of, shifted by so many seconds. What nobody knows is left out.
    void set(std::vector<Event>& events, Stamp const& stamp, double shift) const;

  private:
    struct Key {
        std::int32_t device = 0, request = 0, block = 0, part = 0, peer = 0;
        EventKind kind = EventKind::compute;
        auto operator<=>(Key const&) const = default;
    };
    std::vector<std::pair<Key, std::size_t>> places_;  // sorted
};

}  // namespace skipstone::emulator
