#pragma once

#include <cstdint>
#include <iosfwd>

#include "analysis/summary.hpp"
#include "trace/reader.hpp"

namespace skipstone::analysis {

struct PageOptions {
    // The page holds rounds with at most so many rows of events, requests and rounds together.
    std::uint64_t most_rows = 50'000;
};

// Writes a page (HTML) that needs nothing else: figures of the analysis, timeline, plan, latencies, energy, batteries.
// Of a trace with more rows than options say, the timeline and the plan show the first round, the last one and up to
// 200 of those with the longest mean latency, as many as fit (of a first round that alone has more, its first events);
// the page says so. Everything else covers the whole run. Text from the trace cannot become markup. Throws
// EnvironmentError when the trace cannot be read.
void write_page(std::ostream& out, Analysis const& analysis, trace::Reader const& trace,
                PageOptions const& options = {});

}  // namespace skipstone::analysis
