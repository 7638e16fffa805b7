#pragma once

#include <string>

#include "trace/schema.hpp"

// The file of a trace as a whole: created without rounds, and packed at the end.
namespace skipstone::trace {

inline constexpr std::size_t ended_size = 16;  // bytes of the attribute, so that it can be rewritten in place

// Creates a trace without rounds.
void create_trace(std::string const& path, Header const& header);

// The part of a link model that is written: what a reader needs to draw rates.
LinkModel stored(LinkModel const& links);

// Copies a trace that nobody writes any more, compressed and with checksums. rates_follow: from header.links and the
// seed.
void pack_trace(std::string const& from, std::string const& to, Header const& header, Ended ended, double stalled_s,
                bool rates_follow);

}  // namespace skipstone::trace
