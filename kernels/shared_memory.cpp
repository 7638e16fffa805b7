#include "kernels/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

// A file descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(Descriptor const&) = delete;
    Descriptor& operator=(Descriptor const&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

void* map(int fd, std::size_t bytes, int flags) {
    return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
}

}  // namespace

SharedMemory SharedMemory::alone(std::size_t bytes) {
    void* const data = map(-1, bytes, MAP_PRIVATE | MAP_ANONYMOUS);
    if (data == MAP_FAILED) throw EnvironmentError::from_errno("mmap");
    madvise(data, bytes, MADV_HUGEPAGE);  // where the system has them
    return {static_cast<std::byte*>(data), bytes, false};
}

SharedMemory SharedMemory::among(mpi::Communicator const& host, std::size_t bytes) {
    if (host.size() == 1) return alone(bytes);
    Descriptor const created(host.rank() == 0 ? memfd_create("skipstone", MFD_CLOEXEC) : -1);
    std::string path;
    if (host.rank() == 0 && created.get() >= 0 && ftruncate(created.get(), static_cast<off_t>(bytes)) == 0)
        path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(created.get());
    std::vector<std::byte> message(path.size());
    if (!path.empty()) std::memcpy(message.data(), path.data(), path.size());
    message = host.broadcast(0, std::move(message));
    path.assign(reinterpret_cast<char const*>(message.data()), message.size());

    Descriptor const opened(path.empty() ? -1 : open(path.c_str(), O_RDWR | O_CLOEXEC));
    void* const data = opened.get() < 0 ? MAP_FAILED : map(opened.get(), bytes, MAP_SHARED);
    if (host.all(data != MAP_FAILED)) return {static_cast<std::byte*>(data), bytes, true};
    if (data != MAP_FAILED) munmap(data, bytes);
    return alone(bytes);
}

std::optional<SharedMemory> SharedMemory::of_file(std::filesystem::path const& path, std::size_t bytes) {
    Descriptor const file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (file.get() < 0 || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<std::size_t>(status.st_size) != bytes)
        return std::nullopt;
    void* const data = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) return std::nullopt;
    return SharedMemory(static_cast<std::byte*>(data), bytes, true);
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), shared_(other.shared_) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(shared_, other.shared_);
    return *this;
}

SharedMemory::~SharedMemory() {
    if (data_ != nullptr) munmap(data_, size_);
}

void SharedMemory::protect() {
    if (mprotect(data_, size_, PROT_READ) != 0) throw EnvironmentError::from_errno("mprotect");
}

}  // namespace skipstone::kernels
