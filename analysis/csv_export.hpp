#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "trace/reader.hpp"

namespace skipstone::analysis {

// The tables of traces that can be written: "devices", …, "outages", "links"; and those that this trace has.
std::vector<std::string> csv_tables();
std::vector<std::string> csv_tables(trace::Reader const& trace);

// Writes the committed rows of a table of the trace, one of csv_tables(trace), as CSV (RFC 4180): a heading of the columns'
// names with their units ("begin_s [s]"), codes by their names, no value (NaN) as an empty cell, numbers with all their
// digits. "links": round, device, peer, rate_bit_s of every pair. progress: called with the share that is done, 0…1, a
// few megabytes at a time. Memory does not grow with the trace. Throws EnvironmentError when the trace cannot be read.
void write_csv(trace::Reader const& trace, std::string const& table, std::ostream& out,
               std::function<void(double share)> const& progress = {});

}  // namespace skipstone::analysis
