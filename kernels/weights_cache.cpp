#include "kernels/weights_cache.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "kernels/host.hpp"
#include "units/cache_folder.hpp"
#include "units/file_memo.hpp"
#include "units/sha256.hpp"

namespace skipstone::kernels {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view format_text = "skipstone packed weights, version 1";
constexpr std::uintmax_t limit_bytes = 2'000'000'000;  // of all files together
constexpr std::uintmax_t limit_for_random_bytes = 1'500'000'000;
constexpr std::size_t trailer_bytes = 512;
constexpr std::size_t digits = 64;  // of a SHA-256
// Linux (6.16 and ext4, or XFS) keeps what is written in pieces of this size in huge pages, and maps them as such.
constexpr std::size_t piece_bytes = 2 << 20;
constexpr auto abandoned_after = std::chrono::hours(1);

std::string sha256_of(std::span<std::byte const> bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

bool write_all(int file, std::span<std::byte const> bytes) {
    while (!bytes.empty()) {
        auto const count = ::write(file, bytes.data(), std::min(bytes.size(), piece_bytes));
        if (count <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
}

struct Kept {
    fs::path file;
    std::uintmax_t bytes = 0;
    fs::file_time_type used;
};

fs::path checked_beside(fs::path file) {
    return file.replace_extension(".checked");
}

// Removes what a writer left that was killed, too.
std::vector<Kept> all_kept(fs::path const& folder) {
    std::vector<Kept> all;
    std::error_code error;
    for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
        std::error_code gone;
        auto const& file = entry->path();
        auto const written = entry->last_write_time(gone);
        if (file.extension() == ".packed") {
            std::error_code unchecked;
            auto const used = fs::last_write_time(checked_beside(file), unchecked);
            auto const bytes = entry->file_size(gone);
            if (!gone) all.push_back({file, bytes, unchecked ? written : std::max(written, used)});
        } else if (file.extension() != ".checked" && !gone &&
                   fs::file_time_type::clock::now() - written > abandoned_after) {
            fs::remove(file, gone);
        }
    }
    return all;
}

std::uintmax_t total_bytes(std::vector<Kept> const& all) {
    std::uintmax_t total = 0;
    for (auto const& kept : all) total += kept.bytes;
    return total;
}

// Removes what was not used for the longest time, until so many bytes more keep the limit.
void make_room(std::vector<Kept> all, std::uintmax_t bytes) {
    std::ranges::sort(all, {}, &Kept::used);
    auto total = total_bytes(all) + bytes;
    for (auto const& kept : all) {
        if (total <= limit_bytes) return;
        std::error_code error;
        fs::remove(kept.file, error);
        fs::remove(checked_beside(kept.file), error);
        total -= kept.bytes;
    }
}

}  // namespace

std::optional<CachedWeights> CachedWeights::of(PackLayout const& layout, Kind kind, std::string const& contents) {
    auto const folder = cache_folder();
    if (!folder) return std::nullopt;
    auto const text = std::string(format_text) + "\n" + contents + "\nlayout " + std::to_string(layout.digest()) +
                      "\nbytes " + std::to_string(layout.bytes()) + "\n" + instruction_set() + "\noneDNN " +
                      onednn_version() + "\n";
    auto key = sha256_of(std::as_bytes(std::span(text)));
    auto file = *folder / "weights" / (key + ".packed");
    return CachedWeights(std::move(file), std::move(key), kind, layout.bytes());
}

std::size_t CachedWeights::file_bytes(PackLayout const& layout) {
    return layout.bytes() + trailer_bytes;
}

fs::path CachedWeights::checked() const {
    return checked_beside(file_);
}

std::string CachedWeights::trailer(std::string const& sha256) const {
    auto text = "\n" + std::string(format_text) + "\nkey " + key_ + "\nbytes " + std::to_string(bytes_) + "\n";
    text.resize(trailer_bytes - digits - 1, ' ');
    return text + sha256 + "\n";
}

bool CachedWeights::contents_are_right(SharedMemory const& memory) const {
    auto const bytes = memory.bytes();
    std::string_view const found(reinterpret_cast<char const*>(bytes.data()) + bytes_, trailer_bytes);
    std::string const sha256(found.substr(trailer_bytes - digits - 1, digits));
    if (found != trailer(sha256)) return false;
    auto const identity = settled_identity(file_);
    if (identity && read_short_text(checked()) == identity) {
        std::error_code ignored;
        fs::last_write_time(checked(), fs::file_time_type::clock::now(), ignored);
        return true;
    }
    if (sha256_of(bytes.first(bytes_)) != sha256) return false;
    if (identity && settled_identity(file_) == identity) replace_text(checked(), *identity);
    return true;
}

std::optional<SharedMemory> CachedWeights::open() const {
    auto memory = SharedMemory::of_file(file_, bytes_ + trailer_bytes);
    if (memory && !contents_are_right(*memory)) memory.reset();
    return memory;
}

void CachedWeights::keep(std::span<std::byte const> packed) const {
    auto const folder = file_.parent_path();
    auto all = all_kept(folder);
    std::erase_if(all, [&](Kept const& kept) { return kept.file == file_; });
    auto const bytes = bytes_ + trailer_bytes;
    if (bytes > limit_bytes || (kind_ == Kind::random && total_bytes(all) + bytes > limit_for_random_bytes)) return;
    make_room(std::move(all), bytes);

    std::error_code error;
    fs::create_directories(folder, error);
    auto temporary = (folder / key_).string() + ".XXXXXX";
    int const file = ::mkostemp(temporary.data(), O_CLOEXEC);
    if (file < 0) return;
    auto const end = trailer(sha256_of(packed));
    bool const whole = write_all(file, packed) && write_all(file, std::as_bytes(std::span(end)));
    ::close(file);
    if (!whole || ::rename(temporary.c_str(), file_.c_str()) != 0) ::unlink(temporary.c_str());
}

}  // namespace skipstone::kernels
