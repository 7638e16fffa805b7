#include "units/draft.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include "units/error.hpp"

namespace skipstone {

namespace fs = std::filesystem;

namespace {

// A name that no other writer takes, however many there are on however many hosts.
fs::path draft_name(fs::path const& target) {
    constexpr std::size_t most = 200;  // bytes of the target's name: what is added must fit, too
    std::random_device random;
    auto const number = (std::uint64_t{random()} << 32U) + random();
    return target.parent_path() / ("." + target.filename().string().substr(0, most) + ".new-" + std::to_string(number));
}

int create(fs::path const& path) {
    int const file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0) throw EnvironmentError::from_errno("a file in " + path.parent_path().string());
    return file;
}

}  // namespace

Draft::Draft(fs::path target, Name name)
    : target_(std::move(target)),
      named_(draft_name(target_)),
      descriptor_(name == Name::at_once
                      ? -1
                      : ::open(target_.parent_path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666)),
      nameless_(descriptor_ >= 0) {
    if (!nameless_) descriptor_ = create(named_);
}

Draft::~Draft() {
    ::close(descriptor_);
    std::error_code ignored;
    fs::remove(named_, ignored);
}

fs::path Draft::path() const {
    return nameless_ ? "/proc/self/fd/" + std::to_string(descriptor_) : named_.string();
}

fs::path const& Draft::give_name() {
    if (nameless_ && ::linkat(AT_FDCWD, path().c_str(), AT_FDCWD, named_.c_str(), AT_SYMLINK_FOLLOW) != 0)
        throw EnvironmentError::from_errno("linkat(" + target_.string() + ")");
    return named_;
}

void Draft::replace_target() {  // only a rename replaces what is there
    if (::rename(give_name().c_str(), target_.c_str()) != 0)
        throw EnvironmentError::from_errno("rename(" + target_.string() + ")");
}

fs::path new_draft(fs::path const& target) {
    auto const path = draft_name(target);
    ::close(create(path));
    return path;
}

}  // namespace skipstone
