#include "trace/write_mark.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace skipstone::trace {

namespace {

struct flock marked_byte() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = off_t{1} << 62;
    lock.l_len = 1;
    return lock;
}

}  // namespace

// Locks of an open file description: a process' own ones would go as soon as HDF5 closes the file anywhere in it.
WriteMark::WriteMark(std::string const& path) : descriptor_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    auto lock = marked_byte();
    held_ = descriptor_ >= 0 && ::fcntl(descriptor_, F_OFD_SETLK, &lock) == 0;
}

WriteMark::WriteMark(WriteMark&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), held_(std::exchange(other.held_, false)) {}

WriteMark& WriteMark::operator=(WriteMark&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(held_, other.held_);
    return *this;
}

WriteMark::~WriteMark() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

bool WriteMark::is_on(std::string const& path) {
    int const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    auto lock = marked_byte();
    bool const found = ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    ::close(descriptor);
    return found;
}

}  // namespace skipstone::trace
