#pragma once

#include <filesystem>
#include <string>

namespace skipstone::sweep {

// Who works on what: a point is claimed by locking the byte at its id in one file, for all runners that share the
// sweep's folder. The locks are open-file-description locks (fcntl(2), F_OFD_SETLK): forked processes share them, and
// the kernel drops them when the last of these has ended, however it ended. On NFS the server knows them, so they hold
// between hosts; a host that crashed loses its locks when its lease runs out (NFS 4: 90 s by default). Move-only.
class Claims {
  public:
    // Throws EnvironmentError when the file cannot be opened.
    explicit Claims(std::filesystem::path const& file);
    Claims(Claims&& other) noexcept;
    Claims& operator=(Claims&&) = delete;
    ~Claims();

    // False: another runner has it. True where this one has it already.
    bool take(std::string const& id);
    void release(std::string const& id);
    // Another runner has it.
    bool is_taken(std::string const& id) const;
    // False where the file system has no locks (Lustre without -o flock): then everybody gets everything.
    bool work() const { return work_; }

  private:
    int descriptor_ = -1;
    bool work_ = true;
};

}  // namespace skipstone::sweep
