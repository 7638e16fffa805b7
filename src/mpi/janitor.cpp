#include "mpi/janitor.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace skipstone::mpi {

namespace {

// $1: mpirun's process, $2: its session folder, $3: the job's segments, $4: the rank's parent. Reads until the rank has
// ended; mpirun ends the other ranks, and they end when mpirun does, or soon after. An mpirun that has only dead
// children for five seconds hangs for ever, in the lock that a rank held that was killed in MPI_Init
// (github.com/openpmix/openpmix, issue 1233): it is ended. Looks for half a minute at most.
constexpr char const* janitor = R"(
    trap '' HUP INT TERM QUIT
    cd /
    runs() { grep -qs '^State:.[^ZX]' "$@"; }
    hangs() {
        children=$(cat "/proc/$1/task/"*/children 2>/dev/null)
        [ -n "$children" ] && ! runs $(printf '/proc/%s/status ' $children)
    }
    read -r nothing
    looks=0
    while runs "/proc/$1/status"; do
        if [ $looks -eq 600 ]; then exit; fi
        if [ $looks -ge 100 ] && [ "$1" = "$4" ] && hangs "$1"; then kill -KILL "$1"; fi
        sleep 0.05
        looks=$((looks + 1))
    done
    looks=0
    while [ -e "$2" ] || [ $looks -gt 0 ] && [ $looks -lt 5 ]; do
        rm -rf -- "$2" /dev/shm/$3
        sleep 1
        looks=$((looks + 1))
    done
    rm -f -- /dev/shm/$3
)";

std::string variable(char const* name) {
    char const* const value = std::getenv(name);
    return value ? value : "";
}

// What a job of mpirun may leave behind.
struct Traces {
    std::string mpirun, session, segments;
};

std::optional<Traces> traces_of_job() {
    if (variable("OMPI_COMM_WORLD_LOCAL_RANK") != "0") return std::nullopt;
    std::string const session = variable("OMPI_MCA_orte_jobfam_session_dir");  // …/pid.N
    std::string const name = std::filesystem::path(session).filename().string();
    std::string const job = variable("PMIX_NAMESPACE");
    int mpirun = 0;
    std::uint32_t number = 0;
    if (!name.starts_with("pid.") ||
        std::from_chars(name.data() + 4, name.data() + name.size(), mpirun).ec != std::errc() ||
        std::from_chars(job.data(), job.data() + job.size(), number).ec != std::errc())
        return std::nullopt;
    std::array<char, 16> digits{};
    std::string const hexadecimal(digits.data(),
                                  std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr);
    return Traces{std::to_string(mpirun), session,
                  "vader_segment.*." + std::to_string(::geteuid()) + "." + hexadecimal + ".*"};
}

}  // namespace

Janitor::Janitor() {
    auto traces = traces_of_job();
    std::array<int, 2> ends{};
    if (!traces || ::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    std::string shell = "sh", option = "-c", script = janitor, name = "skipstone-janitor",
                parent = std::to_string(::getppid());
    std::array<char*, 9> arguments{
        shell.data(),           option.data(),           script.data(), name.data(), traces->mpirun.data(),
        traces->session.data(), traces->segments.data(), parent.data(), nullptr};
    pid_t ignored = 0;
    ::posix_spawn(&ignored, "/bin/sh", &files, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    ::close(ends[0]);
    alive_ = ends[1];
}

Janitor::~Janitor() {
    if (alive_ >= 0) ::close(alive_);
}

}  // namespace skipstone::mpi
