#include "mpi/communicator.hpp"

// The C bindings alone: those of C++ left the standard.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

#include "units/error.hpp"

namespace skipstone::mpi {

namespace {

void check(int code, char const* call) {
    if (code == MPI_SUCCESS) return;
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int length = 0;
    MPI_Error_string(code, text.data(), &length);
    throw EnvironmentError(call, std::string(text.data(), static_cast<std::size_t>(length)));
}

int count_of(std::size_t bytes) {
    if (bytes > INT_MAX) throw EnvironmentError("MPI", "a message of more than 2 GiB cannot be sent");
    return static_cast<int>(bytes);
}

void wait(MPI_Request& request, char const* call) {
    timespec pause{0, 20'000};
    for (int done = 0;;) {
        check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), call);
        if (done) return;
        nanosleep(&pause, nullptr);
        if (pause.tv_nsec < 1'000'000) pause.tv_nsec *= 2;
    }
}

// What launchers say in the environment of what they start: the number of processes, and which one this is. Those of MPI
// libraries come first: they may have been started within a step of the others.
struct Launcher {
    char const *name, *size, *rank;
};
constexpr std::array<Launcher, 6> launchers{{{"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                                             {"mpiexec", "PMI_SIZE", "PMI_RANK"},
                                             {"mpirun_rsh", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},
                                             {"jsrun", "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"},
                                             {"flux run", "FLUX_JOB_SIZE", "FLUX_TASK_RANK"},
                                             {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}}};

// The number that a variable holds; nothing where it is not there, or holds something else.
std::optional<int> number_in(char const* variable) {
    char const* const text = std::getenv(variable);
    if (text == nullptr) return std::nullopt;
    int value = 0;
    auto const [end, error] = std::from_chars(text, text + std::strlen(text), value);
    if (error != std::errc() || *end != '\0' || value < 0) return std::nullopt;
    return value;
}

// The launcher that says both, and how many processes it started.
struct Started {
    char const* by = "";
    int size = 0, rank = 0;
};
Started started() {
    for (auto const& launcher : launchers)
        if (auto const size = number_in(launcher.size))
            if (auto const rank = number_in(launcher.rank)) return {launcher.name, *size, *rank};
    return {};
}

// Under the launcher of another MPI library each process would be rank 0 of 1, and all would write the same files.
void expect_fitting_launcher() {
    int size = 0;
    check(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
    auto const expected = started().size;
    if (size > 1 || expected <= 1 || !launched()) return;
    auto const library = library_version();
    MPI_Finalize();
    throw EnvironmentError("MPI_Init_thread",
                           "the launcher started " + std::to_string(expected) + " processes, but " + library +
                               ", with which this program is built, knows of one only: the launcher is another "
                               "library's; use \"" +
                               launch_line(std::to_string(expected)) + " …\"");
}

}  // namespace

bool launched() {
    for (auto const* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"})
        if (std::getenv(name) != nullptr) return true;
    return false;
}

int launched_rank() {
    return started().rank;
}

std::optional<std::string> strangers() {
    auto const [by, size, rank] = started();
    if (launched() || size <= 1) return std::nullopt;
    auto const count = std::to_string(size);
    bool const slurm = std::string_view(by) == "srun";
    return std::string(by) + " started " + count +
           " processes that know nothing of each other: each would do the whole work and write the same files. Start "
           "ranks with \"" +
           launch_line(count) + " …\"" +
           (slurm ? " or \"srun --mpi=pmix …\", a single process with \"srun -n 1 …\"" : "");
}

Environment::Environment() {
    // Start-up polls with many short sleeps: a large slack lets the kernel bundle them, which is several times faster
    // with many ranks on few cores. Afterwards timers are to be exact.
    prctl(PR_SET_TIMERSLACK, 10'000'000UL);
    int provided = 0;
    int const code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    prctl(PR_SET_TIMERSLACK, 1UL);
    check(code, "MPI_Init_thread");
    if (provided < MPI_THREAD_FUNNELED)
        throw EnvironmentError("MPI_Init_thread", "this MPI library does not support threads");
    expect_fitting_launcher();
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

Environment::~Environment() {
    if (std::uncaught_exceptions() > 0) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
}

struct Communicator::Handle {
    MPI_Comm comm = MPI_COMM_NULL;
    ~Handle() {
        if (comm != MPI_COMM_NULL) MPI_Comm_free(&comm);
    }
};

struct Request::Handle {
    MPI_Request request = MPI_REQUEST_NULL;
    ~Handle() {
        if (request == MPI_REQUEST_NULL) return;
        MPI_Cancel(&request);
        MPI_Request_free(&request);
    }
};

Communicator::Communicator(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {
    check(MPI_Comm_set_errhandler(handle_->comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(handle_->comm, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(handle_->comm, &size_), "MPI_Comm_size");
}

Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;
Communicator::~Communicator() = default;

Communicator Communicator::duplicate_world() {
    auto handle = std::make_unique<Handle>();
    check(MPI_Comm_dup(MPI_COMM_WORLD, &handle->comm), "MPI_Comm_dup");
    return Communicator(std::move(handle));
}

Communicator Communicator::split_by_host() const {
    auto handle = std::make_unique<Handle>();
    check(MPI_Comm_split_type(handle_->comm, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &handle->comm),
          "MPI_Comm_split_type");
    return Communicator(std::move(handle));
}

Request Communicator::send(int to, int tag, std::span<std::byte const> bytes) const {
    auto handle = std::make_unique<Request::Handle>();
    check(MPI_Isend(bytes.data(), count_of(bytes.size()), MPI_BYTE, to, tag, handle_->comm, &handle->request),
          "MPI_Isend");
    return Request(std::move(handle));
}

std::optional<Communicator::Incoming> Communicator::probe() const {
    int there = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status{};
    // Open MPI looks first, and takes in afterwards what has come meanwhile: a second look finds that.
    for (int look = 0; look < 2 && !there; ++look)
        check(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, handle_->comm, &there, &message, &status), "MPI_Improbe");
    if (!there) return std::nullopt;
    int bytes = 0;
    check(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    Buffer buffer(static_cast<std::size_t>(bytes));
    auto handle = std::make_unique<Request::Handle>();
    check(MPI_Imrecv(buffer.data(), bytes, MPI_BYTE, &message, &handle->request), "MPI_Imrecv");
    return Incoming{status.MPI_SOURCE, status.MPI_TAG, std::move(buffer), Request(std::move(handle))};
}

Communicator::Tally Communicator::begin_tally(std::vector<long> given) const {
    auto handle = std::make_unique<Request::Handle>();
    auto numbers = std::make_unique<std::vector<long>>(std::move(given));
    auto mine = std::make_unique<long>(0);
    check(MPI_Ireduce_scatter_block(numbers->data(), mine.get(), 1, MPI_LONG, MPI_SUM, handle_->comm, &handle->request),
          "MPI_Ireduce_scatter_block");
    return {std::move(numbers), std::move(mine), Request(std::move(handle))};
}

void Communicator::barrier() const {
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibarrier(handle_->comm, &request), "MPI_Ibarrier");
    wait(request, "MPI_Ibarrier");
}

std::vector<std::byte> Communicator::broadcast(int root, std::vector<std::byte> bytes) const {
    MPI_Request request = MPI_REQUEST_NULL;
    unsigned long size = bytes.size();
    check(MPI_Ibcast(&size, 1, MPI_UNSIGNED_LONG, root, handle_->comm, &request), "MPI_Ibcast");
    wait(request, "MPI_Ibcast");
    bytes.resize(size);
    check(MPI_Ibcast(bytes.data(), count_of(size), MPI_BYTE, root, handle_->comm, &request), "MPI_Ibcast");
    wait(request, "MPI_Ibcast");
    return bytes;
}

std::string Communicator::broadcast(int root, std::string const& text) const {
    std::vector<std::byte> bytes(text.size());
    if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
    bytes = broadcast(root, std::move(bytes));
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

std::vector<std::string> Communicator::gather(int root, std::string const& text) const {
    bool const mine = rank_ == root;
    auto const ranks = mine ? static_cast<std::size_t>(size_) : 0;
    int const length = count_of(text.size());
    std::vector<int> lengths(ranks), places(ranks);
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Igather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, root, handle_->comm, &request), "MPI_Igather");
    wait(request, "MPI_Igather");
    std::size_t total = 0;
    for (std::size_t i = 0; i < ranks; ++i) {
        places[i] = count_of(total);
        total += static_cast<std::size_t>(lengths[i]);
    }
    std::vector<char> all(total);
    check(MPI_Igatherv(text.data(), length, MPI_CHAR, all.data(), lengths.data(), places.data(), MPI_CHAR, root,
                       handle_->comm, &request),
          "MPI_Igatherv");
    wait(request, "MPI_Igatherv");
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < ranks; ++i)
        texts.emplace_back(all.data() + places[i], static_cast<std::size_t>(lengths[i]));
    return texts;
}

bool Communicator::all(bool mine) const {
    int const local = mine ? 1 : 0;
    int global = 0;
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Iallreduce(&local, &global, 1, MPI_INT, MPI_LAND, handle_->comm, &request), "MPI_Iallreduce");
    wait(request, "MPI_Iallreduce");
    return global != 0;
}

void Communicator::abort(int status) const {
    MPI_Abort(handle_->comm, status);
    std::_Exit(status);
}

Request::Request(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Request::Request(Request&&) noexcept = default;
Request& Request::operator=(Request&&) noexcept = default;
Request::~Request() = default;

bool Request::done() {
    if (handle_->request == MPI_REQUEST_NULL) return true;
    int flag = 0;
    check(MPI_Test(&handle_->request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
    return flag != 0;
}

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) throw EnvironmentError::from_errno("gethostname");
    return name.data();
}

std::string library_version() {
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
    int length = 0;
    check(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
    std::string_view version(text.data(), static_cast<std::size_t>(length));
    version = version.substr(0, version.find_first_of(",\n"));
    // MPICH: a heading, and the number behind blanks.
    constexpr std::string_view heading = "Version:";
    auto const at = version.find(heading);
    if (at == std::string_view::npos) return std::string(version);
    auto const number = version.find_first_not_of(" \t", at + heading.size());
    return std::string(version.substr(0, at)) + std::string(version.substr(std::min(number, version.size())));
}

std::string launch_line(std::string_view ranks) {
    std::string line = SKIPSTONE_LAUNCHER;
    constexpr std::string_view place = "{ranks}";
    return line.replace(line.find(place), place.size(), ranks);
}

}  // namespace skipstone::mpi
