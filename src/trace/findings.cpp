#include "trace/findings.hpp"

#include <array>

namespace skipstone::trace {

std::string in_round(RoundRow const& row) {
    return " in round " + std::to_string(row.round);
}

std::string named(Event const& event) {
    constexpr std::array names{"event", "compute", "transmit", "receive", "wait"};
    auto const kind = static_cast<std::size_t>(event.kind);
    std::ostringstream text;
    text << (kind < names.size() ? names[kind] : names[0]) << " of request " << event.request << ", block "
         << event.block;
    if (event.part >= 0) text << ", part " << event.part;
    text << " on device " << event.device << ", round " << event.round;
    return text.str();
}

}  // namespace skipstone::trace
