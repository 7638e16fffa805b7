#include "units/file_memo.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <span>
#include <system_error>

#include "units/cache_folder.hpp"
#include "units/sha256.hpp"

namespace skipstone {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t settled_after_ns = 2'000'000'000;
constexpr std::size_t longest_text = 4096;

std::int64_t nanoseconds(timespec const& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::string identity_text(struct stat const& status) {
    std::string text;
    for (auto const number : {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
                              static_cast<std::int64_t>(status.st_size), nanoseconds(status.st_mtim),
                              nanoseconds(status.st_ctim)})
        text += (text.empty() ? "" : " ") + std::to_string(number);
    return text;
}

bool is_settled(struct stat const& status) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    auto const changed = std::max(nanoseconds(status.st_mtim), nanoseconds(status.st_ctim));
    return nanoseconds(now) - changed >= settled_after_ns;
}

std::string sha256_of_text(std::string const& text) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text)));
    return hash.finish();
}

}  // namespace

std::optional<std::string> settled_identity(fs::path const& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    if (!is_settled(status)) return std::nullopt;
    return identity_text(status);
}

std::string file_identity(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) throw EnvironmentError::from_errno("fstat");
    return identity_text(status);
}

HashedFile remembered_hash(fs::path const& path) {
    InputFile const file(path.string());
    struct stat status {};
    if (::fstat(file.descriptor(), &status) != 0) throw EnvironmentError::from_errno("fstat(" + path.string() + ")");
    auto const identity = identity_text(status);
    auto const folder = cache_folder();
    bool const remembers = folder && S_ISREG(status.st_mode) && is_settled(status);
    std::error_code ignored;
    auto const memo =
        remembers ? *folder / "hashes" / sha256_of_text(fs::absolute(path, ignored).string()) : fs::path();
    auto const line = [&](std::string const& hash) { return hash + " " + identity + " " + path.string() + "\n"; };
    constexpr std::size_t digits = 64;
    if (auto const kept = remembers ? read_short_text(memo) : std::nullopt; kept && kept->size() > digits)
        if (auto const hash = kept->substr(0, digits);
            hash.find_first_not_of("0123456789abcdef") == std::string::npos && *kept == line(hash))
            return {hash, identity};
    auto const hash = file.sha256();
    if (file_identity(file.descriptor()) != identity) throw changed_while_read(path);
    if (remembers) replace_text(memo, line(hash));
    return {hash, identity};
}

std::string remembered_sha256(fs::path const& path) {
    return remembered_hash(path).sha256;
}

InputError changed_while_read(fs::path const& path) {
    return {InputPlace{path.string(), 0, ""}, "was changed while it was read; start again when nothing writes it"};
}

bool replace_text(fs::path const& path, std::string const& text) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    auto temporary = path.string() + ".XXXXXX";
    int const file = ::mkostemp(temporary.data(), O_CLOEXEC);
    if (file < 0) return false;
    bool const whole = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(file);
    if (whole && ::rename(temporary.c_str(), path.c_str()) == 0) return true;
    ::unlink(temporary.c_str());
    return false;
}

std::optional<std::string> read_short_text(fs::path const& path) {
    int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return std::nullopt;
    std::array<char, longest_text + 1> bytes{};
    auto const count = ::read(file, bytes.data(), bytes.size());
    ::close(file);
    if (count < 0 || static_cast<std::size_t>(count) > longest_text) return std::nullopt;
    return std::string(bytes.data(), static_cast<std::size_t>(count));
}

}  // namespace skipstone
