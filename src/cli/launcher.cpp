#include "cli/launcher.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "cli/exit_code.hpp"
#include "mpi/communicator.hpp"
#include "sweep/process.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

std::vector<std::string> launch_words(std::string const& launcher, std::size_t devices,
                                      std::vector<std::string> const& program) {
    auto const ranks = std::to_string(devices + 1);
    auto words = CLI::detail::split_up(launcher.empty() ? mpi::launch_line("{ranks}") : launcher);
    if (words.empty()) throw InputError("--launcher " + launcher + ": names no program");
    bool said = false;
    for (auto& word : words)
        for (auto at = word.find("{ranks}"); at != std::string::npos; at = word.find("{ranks}")) {
            word.replace(at, 7, ranks);
            said = true;
        }
    if (!said) words.insert(words.end(), {"-n", ranks});
    words.insert(words.end(), program.begin(), program.end());
    return words;
}

namespace {

// What the launcher and all its ranks get: a group of their own, so that a terminal's Ctrl-C, or whoever signals the
// whole group of this process, reaches them once, through this process.
[[noreturn]] void become_launcher(std::vector<std::string> words, LauncherInput input, pid_t parent,
                                  sigset_t const& signals) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(interrupted + SIGTERM);
    if (input == LauncherInput::none)
        if (int const nothing = ::open("/dev/null", O_RDONLY); nothing > STDIN_FILENO) {
            ::dup2(nothing, STDIN_FILENO);
            ::close(nothing);
        }
    ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
    try {
        execute(std::move(words));
    } catch (std::exception const& error) {
        std::fprintf(stderr, "skipstone: %s\n", error.what());
        std::fflush(nullptr);
        ::_exit(failed);
    }
}

}  // namespace

int launch(std::vector<std::string> words, LauncherInput input) {
    using Clock = std::chrono::steady_clock;
    // Open MPI's mpirun takes a second signal within five seconds as "now": one that comes twice at once is one.
    constexpr std::chrono::milliseconds same_signal{500};

    std::fflush(nullptr);
    sweep::BlockedSignals const signals;
    pid_t const parent = ::getpid();
    pid_t const child = ::fork();
    if (child < 0) throw EnvironmentError::from_errno("fork");
    if (child == 0) become_launcher(std::move(words), input, parent, signals.before());
    ::setpgid(child, child);  // both do it, so that it is done whoever comes first
    int passed_on = 0;
    Clock::time_point last;
    for (;;) {
        auto const signal = signals.wait(1);
        if (signal && *signal != SIGCHLD && (passed_on == 0 || Clock::now() - last > same_signal)) {
            passed_on = *signal;
            last = Clock::now();
            ::kill(child, *signal);
        }
        int status = 0;
        pid_t const ended = ::waitpid(child, &status, WNOHANG);
        if (ended < 0) throw EnvironmentError::from_errno("waitpid");
        if (ended == 0) continue;
        int const code = sweep::shell_status(status);
        return passed_on != 0 && code != done ? interrupted + passed_on : code;
    }
}

std::vector<std::string> program_words(std::string const& program) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(program, ignored)) return {program};
    auto words = CLI::detail::split_up(program);
    if (words.empty()) throw InputError("--program " + program + ": names no program");
    return words;
}

std::optional<int> refused_among_strangers() {
    auto const problem = mpi::strangers();
    if (!problem) return std::nullopt;
    if (mpi::launched_rank() > 0) return done;
    std::fprintf(stderr, "skipstone: %s\n", problem->c_str());
    return bad_input;
}

void execute(std::vector<std::string> words) {
    if (geteuid() == 0) {
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    }
    // Else a rank that is killed in MPI_Init may leave mpirun hanging (github.com/openpmix/openpmix, issue 1233).
    setenv("PMIX_MCA_gds", "hash", 0);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    execvp(argv.front(), argv.data());
    throw EnvironmentError::from_errno(words.front());
}

}  // namespace skipstone::cli
