#include "trace/place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "units/input_files.hpp"

namespace skipstone::trace {

namespace fs = std::filesystem;

namespace {

std::string message_of(int error) {
    return std::generic_category().message(error);
}

}  // namespace

bool orders_writes(fs::path const& folder) {
    // f_type as in statfs(2) and linux/magic.h.
    constexpr std::array<std::uint64_t, 9> without{
        0x6969,      // NFS
        0x517B,      // SMB
        0xFF534D42,  // CIFS
        0xFE534D42,  // SMB2
        0x65735546,  // FUSE
        0x01021997,  // 9P
        0x00C36400,  // Ceph
        0x5346414F,  // AFS
        0x6B414653,  // kAFS
    };
    struct statfs status {};
    if (::statfs(folder.c_str(), &status) != 0) return true;
    return std::ranges::find(without, static_cast<std::uint64_t>(status.f_type) & 0xFFFFFFFFU) == without.end();
}

fs::path own_folder(fs::path const& parent) {
    auto name = (parent / "skipstone-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw EnvironmentError::from_errno("mkdtemp(" + name + ")");
    return name;
}

fs::path writable(std::string const& path) {
    auto const refuse = [&](std::string const& reason) -> InputError {
        return {InputPlace{path, 0, ""}, "the trace cannot be written (" + reason + ")"};
    };
    if (path.empty()) throw InputError("the trace cannot be written (its path is empty)");
    std::error_code error;
    auto const target = fs::weakly_canonical(fs::absolute(path), error);
    if (error) throw refuse(error.message());
    auto const folder = target.parent_path();
    if (!fs::exists(folder, error)) throw refuse("the folder " + folder.string() + " does not exist");
    if (!fs::is_directory(folder, error)) throw refuse(folder.string() + " is not a folder");
    if (fs::is_directory(target, error)) throw refuse("it is a folder");
    if (fs::exists(target, error)) {
        if (!fs::is_regular_file(target, error)) throw refuse("it is not a regular file");
        if (::access(target.c_str(), W_OK) != 0) throw refuse(message_of(errno));
    }
    if (::access(folder.c_str(), W_OK) != 0) throw refuse(message_of(errno));
    refuse_to_replace_input(path);
    return target;
}

InputError being_written(std::string const& path) {
    return {InputPlace{path, 0, ""}, "a run is writing this trace now; wait for its end, or name another file"};
}

fs::path claim_of(fs::path const& target) {
    return target.parent_path() / ("." + target.filename().string() + ".writing");
}

Claim::Claim(fs::path const& target, std::string const& path) : file_(claim_of(target)) {
    int const descriptor = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor >= 0) ::close(descriptor);
    mark_ = WriteMark(file_.string());
    if (!mark_.held() && WriteMark::is_on(file_.string())) {
        file_.clear();
        throw being_written(path);
    }
}

Claim& Claim::operator=(Claim&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(mark_, other.mark_);
    return *this;
}

Claim::~Claim() {
    std::error_code ignored;
    if (!file_.empty()) fs::remove(file_, ignored);  // before the mark goes
}

bool take_its_place(Draft& draft, fs::path const& target) {
    auto const path = draft.give_name();
    auto const rename = [&](unsigned flags) {
        return ::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, target.c_str(), flags) == 0;
    };
    if (rename(RENAME_NOREPLACE)) return true;
    // Exchanged first and looked at then, so that of two writers at the same time one always sees the other.
    bool const exchanged = errno == EEXIST && rename(RENAME_EXCHANGE);
    if (WriteMark::is_on((exchanged ? path : target).string())) {
        if (exchanged) rename(RENAME_EXCHANGE);
        return false;
    }
    // Exchanged, the draft's name is now that of what was there, and goes with it.
    if (!exchanged && !rename(0)) throw EnvironmentError::from_errno("rename(" + target.string() + ")");
    return true;
}

}  // namespace skipstone::trace
