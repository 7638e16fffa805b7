#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>

#include "trace/reader.hpp"

namespace skipstone::analysis {

// Writes the committed rounds in the Trace Event Format (JSON), which ui.perfetto.dev and chrome://tracing open. Times
// are emulated microseconds. A process per device: a track "processor" (compute, wait), a track "radio" (send,
// receive; more where transfers overlap), a counter "battery"; arrows from each transmission to its reception; args
// with round, request, block, bytes. A process "cluster" before them: rounds, and requests from arrival to finish.
// progress: called after each round with the number of rounds written. Memory: one round's events. Throws
// EnvironmentError when the trace cannot be read, InputError when a row names a device or block that does
// not exist, or has a time beyond 4e9 s.
void write_perfetto(trace::Reader const& trace, std::ostream& out,
                    std::function<void(std::int32_t rounds)> const& progress = {});

}  // namespace skipstone::analysis
