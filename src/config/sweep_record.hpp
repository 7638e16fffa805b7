#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a sweep's folder keeps of a point, as JSON.
namespace skipstone::config {

using Figures = std::vector<std::pair<std::string, double>>;  // NaN: none

// Of a point that is done: its trace is complete and was verified.
struct SweepRecord {
    std::string id, name;
    std::string digest;            // of the trace
    std::int64_t trace_bytes = 0;  // the file's size
    double seconds = 0;            // host seconds from the point's start until it was verified
    std::string host, date;        // where, and when it was verified
    std::string software;          // the program's version and revision
    std::string summary_by;        // what program made the summary: its SHA-256
    Figures summary;
};

// Of a point that failed.
struct SweepFailure {
    std::string id, name;
    int status = 0;      // as a shell gives it: 128 + the signal's number for one that was killed
    std::string reason;  // one line
    std::string output;  // the end of what it wrote to its standard error
    double seconds = 0;
    std::string host, date;
};

std::string record_text(SweepRecord const& record);
std::string failure_text(SweepFailure const& failure);
// Throw InputError, naming the file, for what is none.
SweepRecord parse_record(std::string_view text, std::string const& file);
SweepFailure parse_failure(std::string_view text, std::string const& file);

// A JSON string: quoted and escaped; bytes that are no UTF-8 are replaced.
std::string json_string(std::string_view text);

}  // namespace skipstone::config
