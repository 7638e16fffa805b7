#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "trace/schema.hpp"

namespace skipstone::trace {

// Throws InputError, naming the path, when no trace can be written to it: its folder is missing, permission, it is no
// regular file, it is an input of this process (units/input_files.hpp), or a trace is being written there now, by this
// process or another one, as far as the file system tells.
void require_writable(std::string const& path);

// What is at a path where a trace is to be written.
struct Earlier {
    bool trace = false;     // it is one, or what a kill left of one
    bool finished = false;  // a trace whose run came to its end
    std::int64_t rounds = 0;
    double host_s = 0;  // how long its run took
    std::string date;
};
// Nothing when there is no file, or an empty one.
std::optional<Earlier> earlier_file(std::string const& path);

// automatic: at the path itself where the file system can (not NFS, SMB, FUSE …), else in the system's folder for
// temporary files, moved to the path at the end.
enum class Placement { automatic, direct, scratch };

// Writes a trace, round by round, so that readers can follow it and a kill of the process costs at most the round being
// written. What is at the path already is replaced once the new trace is there, with complete = 0; a trace that is being
// written never is. Move-only.
class Writer {
  public:
    // Creates all tables. Throws InputError as require_writable() does, EnvironmentError when HDF5 or the file system
    // fails; what was at the path is then untouched.
    Writer(std::string path, Header const& header, Placement placement = Placement::automatic);
    Writer(Writer&&) noexcept;
    Writer& operator=(Writer&&) noexcept;
    // Without finish(): `ended` says "failed", or still "running" when writing failed; complete stays 0.
    ~Writer();

    // Writes the next round; when it returns, the round is committed. Throws EnvironmentError, naming the path, when it
    // cannot be written (disk full); the rounds before stay readable, and this writer takes no more.
    void append(RoundRecord const& record);
    // Says how the run ended, and closes the file (moves it to its path). Throws EnvironmentError as append does. Once
    // only.
    void finish(Ended ended);

    // What the user should know about where the trace is being written; none when it is simply at its path.
    std::optional<std::string> warning() const;
    // The file that is being written; after finish(), the path.
    std::string const& file() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace skipstone::trace
