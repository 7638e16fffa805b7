#include "sweep/claims.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "units/error.hpp"

namespace skipstone::sweep {

namespace {

// The lock of an id: one byte, far beyond the file's end.
struct flock lock_of(std::string const& id, short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(std::stoull(id, nullptr, 16) >> 2U);  // below 2^62
    lock.l_len = 1;
    return lock;
}

}  // namespace

Claims::Claims(std::filesystem::path const& file)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) throw EnvironmentError::from_errno("open(" + file.string() + ")");
    auto probe = lock_of("0", F_WRLCK);
    work_ = ::fcntl(descriptor_, F_OFD_GETLK, &probe) == 0;
}

Claims::Claims(Claims&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), work_(other.work_) {}

Claims::~Claims() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

bool Claims::take(std::string const& id) {
    if (!work_) return true;
    auto lock = lock_of(id, F_WRLCK);
    if (::fcntl(descriptor_, F_OFD_SETLK, &lock) == 0) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    throw EnvironmentError::from_errno("fcntl(F_OFD_SETLK)");
}

void Claims::release(std::string const& id) {
    if (!work_) return;
    auto lock = lock_of(id, F_UNLCK);
    if (::fcntl(descriptor_, F_OFD_SETLK, &lock) != 0) throw EnvironmentError::from_errno("fcntl(F_OFD_SETLK)");
}

bool Claims::is_taken(std::string const& id) const {
    if (!work_) return false;
    auto lock = lock_of(id, F_WRLCK);
    if (::fcntl(descriptor_, F_OFD_GETLK, &lock) != 0) throw EnvironmentError::from_errno("fcntl(F_OFD_GETLK)");
    return lock.l_type != F_UNLCK;
}

}  // namespace skipstone::sweep
