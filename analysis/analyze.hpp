#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/summary.hpp"
#include "model/device.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"
#include "trace/reader.hpp"

namespace skipstone::analysis {

// totals: without Analysis::request_paths, whose memory grows with the requests.
enum class Detail { all, totals };

struct Options {
    // What the trace's provenance says of links, measured times and the period; without it there is no planned latency
    // of hops, no planned energy, and the last round ends with its last request.
    std::optional<Scenario> scenario;
    // The scenario's network, which the costs of parts of blocks follow from; without it there are no planned figures
    // of blocks that devices share.
    std::optional<Network> network;
    // Other powers, one per device, and what they are called; none: the trace's own.
    std::optional<std::vector<Powers>> powers;
    std::string powers_name;
    Detail detail = Detail::all;
    // Told how many of the committed rounds have been read.
    std::function<void(std::int32_t rounds)> progress;
};

// Reads the committed rounds once, in order, a few megabytes at a time; beside that it keeps a few hundred bytes per
// round, device and used link (and request, with Detail::all). Throws InputError, naming the file, for a trace without
// committed rounds, or with rows that cannot be: devices, requests or blocks that do not exist, events that are not in
// the order of their begin.
Analysis analyze(trace::Reader const& trace, Options const& options = {});

}  // namespace skipstone::analysis
