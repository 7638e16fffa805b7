#include "emulator/stamped_events.hpp"

#include <algorithm>

namespace skipstone::emulator {

StampedEvents::StampedEvents(std::vector<Event> const& events) {
    for (std::size_t i = 0; i < events.size(); ++i) {
        auto const& e = events[i];
        if (e.kind == EventKind::wait || (e.flags & event_flags::failed)) continue;
        places_.push_back({{e.device, e.request, e.block, e.part, e.peer, e.kind}, i});
    }
    std::ranges::sort(places_);
}

void StampedEvents::set(std::vector<Event>& events, Stamp const& stamp, double shift) const {
    Key const key{stamp.device, stamp.request, stamp.block, stamp.part, stamp.peer, stamp.kind};
    for (auto const& [name, place] : std::ranges::equal_range(places_, key, {}, &std::pair<Key, std::size_t>::first)) {
        events[place].host_begin_s = stamp.host_begin_s + shift;
        events[place].host_end_s = stamp.host_end_s + shift;
    }
}

}  // namespace skipstone::emulator
