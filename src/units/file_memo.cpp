#include "units/file_memo.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
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

std::string sha256_of_text(std::string const& text) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text)));
    return hash.finish();
}

}  // namespace

std::optional<std::string> settled_identity(fs::path const& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    auto const written = nanoseconds(status.st_mtim), changed = nanoseconds(status.st_ctim);
    auto const age = nanoseconds(now) - std::max(written, changed);
    if (age < settled_after_ns) return std::nullopt;
    std::string text;
    for (auto const number : {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
                              static_cast<std::int64_t>(status.st_size), written, changed})
        text += (text.empty() ? "" : " ") + std::to_string(number);
    return text;
}

std::string remembered_sha256(fs::path const& path) {
    auto const folder = cache_folder();
    auto const identity = folder ? settled_identity(path) : std::nullopt;
    if (!identity) return sha256_of_file(path.string());
    std::error_code ignored;
    auto const memo = *folder / "hashes" / sha256_of_text(fs::absolute(path, ignored).string());
    auto const line = [&](std::string const& hash) { return hash + " " + *identity + " " + path.string() + "\n"; };
    constexpr std::size_t digits = 64;
    if (auto const kept = read_short_text(memo); kept && kept->size() > digits)
        if (auto const hash = kept->substr(0, digits);
            hash.find_first_not_of("0123456789abcdef") == std::string::npos && *kept == line(hash))
            return hash;
    auto const hash = sha256_of_file(path.string());
    if (settled_identity(path) == identity) replace_text(memo, line(hash));
    return hash;
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
