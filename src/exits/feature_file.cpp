#include "exits/feature_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>
#include <system_error>
#include <utility>

#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::exits {

FeatureFile::FeatureFile(std::filesystem::path path, std::vector<std::size_t> sizes, std::size_t samples)
    : path_(std::move(path)), sizes_(std::move(sizes)), samples_(samples) {
    refuse_to_replace_input(path_);
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    auto const bytes = offset(sizes_.size(), 0);
    int error = file_ < 0 ? errno : 0;
    if (error == 0) error = ::posix_fallocate(file_, 0, static_cast<off_t>(bytes));
    if (error == 0) return;
    if (file_ >= 0) ::close(file_);
    throw InputError({path_.string(), 0, ""}, "cannot be written (" + std::generic_category().message(error) +
                                                  "); the features of all samples lie there during the training, " +
                                                  std::to_string(bytes / 1'000'000) +
                                                  " MB; choose a folder with room by --scratch, or fewer "
                                                  "blocks by --after");
}

FeatureFile::FeatureFile(FeatureFile&& other) noexcept
    : path_(std::move(other.path_)),
      sizes_(std::move(other.sizes_)),
      samples_(other.samples_),
      file_(std::exchange(other.file_, -1)) {}

FeatureFile::~FeatureFile() {
    if (file_ >= 0) ::close(file_);
}

std::size_t FeatureFile::row_size() const {
    return std::reduce(sizes_.begin(), sizes_.end());
}

std::size_t FeatureFile::offset(std::size_t block, std::size_t row) const {
    auto const before = std::reduce(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(block));
    return sizeof(float) * (before * samples_ + (row == 0 ? 0 : row * sizes_[block]));
}

namespace {

template <class Byte, class Call>
void transfer(std::span<Byte> bytes, std::size_t offset, std::string const& what, Call const& call) {
    for (std::size_t done = 0; done < bytes.size();) {
        auto const count = call(bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw EnvironmentError::from_errno(what);
        if (count == 0) throw EnvironmentError(what, "the file became shorter");
        done += static_cast<std::size_t>(count);
    }
}

}  // namespace

void FeatureFile::write(std::size_t first, std::size_t rows, std::span<float const> values) {
    SKIPSTONE_EXPECT(values.size() == rows * row_size());
    for (std::size_t block = 0; block < sizes_.size(); ++block) {
        auto const count = rows * sizes_[block];
        transfer(std::as_bytes(values.first(count)), offset(block, first), "write " + path_.string(),
                 [&](auto const* from, std::size_t size, off_t at) { return ::pwrite(file_, from, size, at); });
        values = values.subspan(count);
    }
}

std::vector<float> FeatureFile::read(std::size_t first, std::size_t rows) const {
    std::vector<float> values(rows * row_size());
    auto rest = std::span(values);
    for (std::size_t block = 0; block < sizes_.size(); ++block) {
        auto const count = rows * sizes_[block];
        transfer(std::as_writable_bytes(rest.first(count)), offset(block, first), "read " + path_.string(),
                 [&](auto* to, std::size_t size, off_t at) { return ::pread(file_, to, size, at); });
        rest = rest.subspan(count);
    }
    return values;
}

void FeatureFile::read_block(std::size_t block, std::span<std::byte> values) const {
    SKIPSTONE_EXPECT(values.size() == samples_ * sizes_.at(block) * sizeof(float));
    transfer(values, offset(block, 0), "read " + path_.string(),
             [&](auto* to, std::size_t size, off_t at) { return ::pread(file_, to, size, at); });
}

void FeatureFile::remove() {
    if (::unlink(path_.c_str()) != 0) throw EnvironmentError::from_errno("unlink " + path_.string());
}

std::uint32_t checksum(std::span<float const> values) {
    std::uint32_t sum = 0x811c9dc5U;
    for (auto const byte : std::as_bytes(values)) sum = (sum ^ static_cast<std::uint32_t>(byte)) * 0x01000193U;
    return sum;
}

}  // namespace skipstone::exits
