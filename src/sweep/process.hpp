#pragma once

#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace skipstone::sweep {

// Keeps SIGCHLD, SIGINT and SIGTERM from this thread while it is there: they are waited for instead.
class BlockedSignals {
  public:
    BlockedSignals();
    BlockedSignals(BlockedSignals const&) = delete;
    BlockedSignals& operator=(BlockedSignals const&) = delete;
    ~BlockedSignals();

    // The next of them; none after so many seconds.
    std::optional<int> wait(double seconds) const;
    sigset_t const& before() const { return before_; }

  private:
    sigset_t blocked_, before_;
};

// Runs `work` in a forked process in a group of its own, which is killed when this process ends. Its exit status is
// what work returns, 2 for an InputError and 1 for any other exception, whose message goes to its standard error.
// errors: the file that its standard error goes to; its standard output is lost. This process must have one thread.
pid_t fork_worker(std::function<int()> const& work, std::filesystem::path const& errors, BlockedSignals const& signals);

// Runs `replace`, which must replace its process (execvp), in a child and waits for it; returns its shell_status.
// SIGTERM and SIGINT are left to the child; when this process ends, it gets a SIGTERM.
int run_program(std::function<void()> const& replace);

// A status of waitpid as a shell gives it: 128 + the number of the signal that killed it.
int shell_status(int wait_status);
// The status of one that somebody else ended: by SIGKILL, SIGTERM, SIGINT or SIGHUP.
bool was_interrupted(int shell_status);
// "exit status 1", "killed by signal 11 (Segmentation fault)".
std::string describe_status(int shell_status);

}  // namespace skipstone::sweep
