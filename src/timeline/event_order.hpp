#pragma once

#include <tuple>

#include "model/event.hpp"

namespace skipstone::timeline {

// The canonical order of a round's events goes by it.
inline auto canonical_key(Event const& event) {
    return std::tuple(event.begin_s, event.device, event.kind, event.end_s, event.request, event.block);
}

}  // namespace skipstone::timeline
