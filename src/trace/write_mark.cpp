#include "trace/write_mark.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "units/input_files.hpp"

namespace skipstone::trace {

namespace {

struct flock marked_byte() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = mark_of_writer;
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
    return is_being_written(path);
}

}  // namespace skipstone::trace
