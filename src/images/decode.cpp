#include "images/decode.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::images {

namespace {

constexpr std::array<std::uint8_t, 8> png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<std::uint8_t, 3> jpeg = {0xff, 0xd8, 0xff};

template <std::size_t N>
bool starts_with(std::span<std::uint8_t const> bytes, std::array<std::uint8_t, N> const& signature) {
    return bytes.size() >= N && std::ranges::equal(bytes.first(N), signature);
}

}  // namespace

std::vector<std::uint8_t> read_file(std::filesystem::path const& path) {
    std::error_code error;
    auto const status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
        refuse(path.string(), "cannot be read (" + (error ? error.message() : "no such file") + ")");
    if (!std::filesystem::is_regular_file(status)) refuse(path.string(), "is not a file");
    auto const size = std::filesystem::file_size(path, error);
    if (error) refuse(path.string(), "cannot be read (" + error.message() + ")");
    if (size > max_file_bytes)
        refuse(path.string(), "is too large (" + std::to_string(size) + " bytes); at most " +
                                  std::to_string(max_file_bytes) + " are read");
    remember_input(path);
    errno = 0;
    std::ifstream stream(path, std::ios::binary);
    std::vector<std::uint8_t> bytes(size);
    stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
    if (!stream)
        refuse(path.string(), "cannot be read (" +
                                  (errno != 0 ? std::generic_category().message(errno) : "it is shorter than it was") +
                                  ")");
    return bytes;
}

bool ends_properly(std::span<std::uint8_t const> head, std::span<std::uint8_t const> tail) {
    constexpr std::array<std::uint8_t, 8> end_of_png = {'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    constexpr std::array<std::uint8_t, 2> end_of_jpeg = {0xff, 0xd9};
    if (starts_with(head, png)) return tail.size() >= 8 && std::ranges::equal(tail.last(8), end_of_png);
    return starts_with(head, jpeg) && tail.size() >= 2 && std::ranges::equal(tail.last(2), end_of_jpeg);
}

Picture decode_picture(std::span<std::uint8_t const> bytes, std::string const& file) {
    if (bytes.empty()) refuse(file, "is empty; a PNG or JPEG picture is expected");
    if (starts_with(bytes, png)) return decode_png(bytes, file);
    if (starts_with(bytes, jpeg)) return decode_jpeg(bytes, file);
    refuse(file, "is neither PNG nor JPEG (its first bytes say so); CIFAR-10 batches end in .bin or .bin.xz");
}

void refuse(std::string const& file, std::string const& problem) {
    throw InputError({.file = file, .line = 0, .key = {}}, problem);
}

void check_extent(std::int64_t height, std::int64_t width, std::string const& file) {
    constexpr std::int64_t longest = 1 << 30;
    if (height >= 1 && width >= 1 && height <= longest && width <= longest && height * width <= max_picture_pixels)
        return;
    refuse(file, "has an extent that is not read (" + std::to_string(width) + " x " + std::to_string(height) +
                     " pixels); at most " + std::to_string(max_picture_pixels) + " pixels are");
}

}  // namespace skipstone::images
