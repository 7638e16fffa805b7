#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/sweep_record.hpp"

namespace skipstone::sweep {

// What this process calls itself in names of files and in the log.
std::string host_name();
// Whether a text is a point's id: 16 hexadecimal digits.
bool is_id(std::string_view text);
// "2026-11-21T03:20:00Z"
std::string now_text();

// The folder of a sweep, which several runners may share:
//   manifest.csv       points
//   points/ID.h5       a verified trace; ID.json: its record, written after it. A point is done when both are there.
//   failed/ID.json     why a point failed
//   running/ID.HOST.PID.RANDOM/  what an attempt writes until it is verified
//   claims             locks: who works on what
//   log.txt            a line per event: time, id, what, host, process, SLURM job
// Files get their names when they are complete. All functions throw EnvironmentError when the file system fails.
class Folder {
  public:
    explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}
    // Makes the folders that are missing. Throws InputError that says what to do where this user may not write to what
    // another one made.
    void create() const;
    bool exists() const;

    std::filesystem::path const& path() const { return path_; }
    std::filesystem::path manifest() const { return path_ / "manifest.csv"; }
    std::filesystem::path claims() const { return path_ / "claims"; }
    std::filesystem::path trace(std::string const& id) const { return path_ / "points" / (id + ".h5"); }

    // None unless the point is done: its record can be read and its trace has the record's size.
    std::optional<config::SweepRecord> record(std::string const& id) const;
    std::optional<config::SweepFailure> failure(std::string const& id) const;
    bool is_done(std::string const& id) const { return record(id).has_value(); }

    // A file's whole content, under its name only when it is complete and on the disk.
    void write(std::filesystem::path const& file, std::string_view text) const;
    // Makes an attempt's trace and record the point's: what was known of an earlier failure goes. They are on the disk
    // when it returns.
    void publish(std::filesystem::path const& attempt, config::SweepRecord const& record) const;
    void write_failure(config::SweepFailure const& failure) const;
    // process: whose doing it was.
    void log(std::string const& id, std::string_view what, int process) const;
    // Makes network file systems ask the server again what is there.
    void look_again() const;

    // What is there of points whose ids are not among these: traces, records, failures.
    struct Leftover {
        std::string id, name;  // name: as its record has it; may be empty
        std::vector<std::filesystem::path> files;
        std::uintmax_t bytes = 0;
    };
    std::vector<Leftover> leftovers(std::set<std::string> const& ids) const;

    // Makes an empty folder for an attempt of a point that this runner has claimed.
    std::filesystem::path new_attempt(std::string const& id) const;
    // Points with attempts in running/, by whom ever. What else lies there is nobody's attempt.
    struct Attempt {
        std::string id;
        std::filesystem::path folder;
    };
    std::vector<Attempt> attempts() const;

  private:
    std::filesystem::path path_;
};

// The name of the trace in an attempt's folder.
inline constexpr char const* attempt_trace = "trace.h5";

}  // namespace skipstone::sweep
