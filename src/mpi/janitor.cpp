#include "mpi/janitor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace skipstone::mpi {

namespace fs = std::filesystem;

namespace {

constexpr timespec pause{0, 50'000'000};
constexpr int longest_wait = 600;  // pauses: half a minute

std::string variable(char const* name) {
    char const* const value = std::getenv(name);
    return value ? value : "";
}

// What a job of mpirun may leave behind.
struct Traces {
    std::string session;  // mpirun's folder, …/pid.N
    pid_t mpirun = 0;     // N
    std::string job;      // ".18e80001.", as in vader_segment.HOST.UID.18e80001.0
};

std::optional<Traces> traces_of_job() {
    if (variable("OMPI_COMM_WORLD_LOCAL_RANK") != "0") return std::nullopt;
    Traces traces;
    traces.session = variable("OMPI_MCA_orte_jobfam_session_dir");
    std::string const name = fs::path(traces.session).filename().string();
    std::string const job = variable("PMIX_NAMESPACE");
    std::uint32_t number = 0;
    if (!name.starts_with("pid.") ||
        std::from_chars(name.data() + 4, name.data() + name.size(), traces.mpirun).ec != std::errc() ||
        std::from_chars(job.data(), job.data() + job.size(), number).ec != std::errc())
        return std::nullopt;
    char digits[16];
    auto const end = std::to_chars(digits, digits + sizeof digits, number, 16).ptr;
    traces.job = "." + std::string(digits, end) + ".";
    return traces;
}

bool exists(pid_t process) {
    return ::kill(process, 0) == 0;
}

void remove(Traces const& traces) {
    std::error_code ignored;
    for (auto const& entry : fs::directory_iterator("/dev/shm", ignored)) {
        std::string const name = entry.path().filename().string();
        struct stat status {};
        if (name.starts_with("vader_segment.") && name.find(traces.job) != std::string::npos &&
            ::lstat(entry.path().c_str(), &status) == 0 && status.st_uid == ::geteuid())
            fs::remove(entry.path(), ignored);
    }
    struct stat status {};
    if (::lstat(traces.session.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid())
        fs::remove_all(traces.session, ignored);
}

// The janitor's life.
[[noreturn]] void serve(int rank_lives, Traces const& traces) {
    ::setsid();
    for (int const number : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
    ::prctl(PR_SET_NAME, "janitor");
    for (int descriptor = 0; descriptor < 1024; ++descriptor)
        if (descriptor != rank_lives) ::close(descriptor);
    if (::chdir("/") != 0) ::_exit(1);
    char byte;
    while (::read(rank_lives, &byte, 1) != 0 && errno == EINTR) {
    }
    // Without its first rank the job ends; mpirun ends the other ranks, and they end when mpirun does.
    for (int waited = 0; exists(traces.mpirun); ++waited) {
        if (waited == longest_wait) ::_exit(0);
        ::nanosleep(&pause, nullptr);
    }
    remove(traces);
    ::_exit(0);
}

}  // namespace

Janitor::Janitor() {
    auto const traces = traces_of_job();
    int ends[2];
    if (!traces || ::pipe2(ends, O_CLOEXEC) != 0) return;
    pid_t const child = ::fork();
    if (child == 0) {
        // A child of nobody, so that nobody has to wait for it.
        if (::fork() != 0) ::_exit(0);
        ::close(ends[1]);
        serve(ends[0], *traces);
    }
    ::close(ends[0]);
    alive_ = ends[1];
    if (child > 0) ::waitpid(child, nullptr, 0);
}

Janitor::~Janitor() {
    if (alive_ >= 0) ::close(alive_);
}

}  // namespace skipstone::mpi
