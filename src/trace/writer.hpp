#pragma once

#include <memory>
#include <optional>
#include <string>

#include "trace/schema.hpp"

namespace skipstone::trace {

// automatic: at the path itself where the file system can (not NFS, SMB, FUSE …), else in the system's folder for
// temporary files, moved to the path at the end.
enum class Placement { automatic, direct, scratch };

// Writes a trace, round by round, so that readers can follow it and a kill of the process costs at most the round being
// written. A trace that is at the path already is replaced once the new one is there, with complete = 0. Move-only.
class Writer {
  public:
    // Creates all tables. Throws InputError, naming the path, when it cannot be written (folder missing, no permission,
    // not a regular file), EnvironmentError when HDF5 or the file system fails; what was at the path is then untouched.
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
