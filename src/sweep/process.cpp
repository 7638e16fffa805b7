#include "sweep/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>

#include "units/error.hpp"

namespace skipstone::sweep {

BlockedSignals::BlockedSignals() {
    ::sigemptyset(&blocked_);
    for (int const signal : {SIGCHLD, SIGINT, SIGTERM}) ::sigaddset(&blocked_, signal);
    ::pthread_sigmask(SIG_BLOCK, &blocked_, &before_);
}

BlockedSignals::~BlockedSignals() {
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> BlockedSignals::wait(double seconds) const {
    timespec const limit{static_cast<time_t>(seconds), static_cast<long>(1e9 * (seconds - std::floor(seconds)))};
    int const signal = ::sigtimedwait(&blocked_, nullptr, &limit);
    if (signal > 0) return signal;
    return std::nullopt;
}

namespace {

void point_at(int descriptor, char const* path, int flags) {
    int const opened = ::open(path, flags | O_CLOEXEC, 0666);
    if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(1);
    ::close(opened);
}

int status_of(std::function<int()> const& work) {
    try {
        return work();
    } catch (InputError const& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    } catch (std::exception const& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

}  // namespace

pid_t fork_worker(std::function<int()> const& work, std::filesystem::path const& errors,
                  BlockedSignals const& signals) {
    std::fflush(nullptr);
    pid_t const parent = ::getpid();
    pid_t const child = ::fork();
    if (child < 0) throw EnvironmentError::from_errno("fork");
    if (child > 0) {
        ::setpgid(child, child);  // both do it, so that it is done whoever comes first
        return child;
    }
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(128 + SIGKILL);
    ::pthread_sigmask(SIG_SETMASK, &signals.before(), nullptr);
    point_at(STDIN_FILENO, "/dev/null", O_RDONLY);
    point_at(STDOUT_FILENO, "/dev/null", O_WRONLY);
    point_at(STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW);
    int const status = status_of(work);
    std::fflush(nullptr);
    ::_exit(status);  // what the parent had at exit is the parent's
}

int run_program(std::function<void()> const& replace) {
    std::fflush(nullptr);
    pid_t const parent = ::getpid();
    pid_t const child = ::fork();
    if (child < 0) throw EnvironmentError::from_errno("fork");
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != parent) ::_exit(128 + SIGTERM);
        int const status = status_of([&] {
            replace();
            return 1;
        });
        std::fflush(nullptr);
        ::_exit(status);
    }
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    for (int const signal : {SIGINT, SIGTERM}) ::sigaction(signal, &ignore, nullptr);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) throw EnvironmentError::from_errno("waitpid");
    return shell_status(status);
}

int shell_status(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

bool was_interrupted(int shell_status) {
    for (int const signal : {SIGKILL, SIGTERM, SIGINT, SIGHUP})
        if (shell_status == 128 + signal) return true;
    return false;
}

std::string describe_status(int shell_status) {
    int const signal = shell_status - 128;
    if (signal > 0 && signal < NSIG)
        return "killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    return "exit status " + std::to_string(shell_status);
}

}  // namespace skipstone::sweep
