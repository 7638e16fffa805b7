#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "images/picture.hpp"

namespace skipstone::images {

// Limits that keep a hostile file from eating the machine.
inline constexpr std::size_t max_file_bytes = std::size_t(256) << 20;  // of a file, and of what an .xz file unpacks to
inline constexpr std::int64_t max_picture_pixels = std::int64_t(64) << 20;

// A whole regular file. Throws InputError when it cannot be read or is larger than max_file_bytes.
std::vector<std::uint8_t> read_file(std::filesystem::path const& path);

// Decodes a PNG or JPEG file, known by its first bytes. Values are those that PIL's convert("RGB"), OpenCV and torchvision
// give: greys become RGB, of 16 bits the upper 8 are taken, an alpha channel or a transparent colour is left out, and what
// the file says of gamma and colour profiles is passed over; EXIF rotation is not applied. `file` names it in messages.
// Throws InputError when it is neither, truncated or damaged, CMYK, or has more than max_picture_pixels.
Picture decode_picture(std::span<std::uint8_t const> bytes, std::string const& file);

// Unpacks an .xz file. Throws InputError when it is none, truncated or damaged, or unpacks to more than max_file_bytes.
std::vector<std::uint8_t> decode_xz(std::span<std::uint8_t const> bytes, std::string const& file);

// decode_picture's two halves.
Picture decode_png(std::span<std::uint8_t const> bytes, std::string const& file);
Picture decode_jpeg(std::span<std::uint8_t const> bytes, std::string const& file);

// Whether a PNG or JPEG ends as one does: a cheap look, at the last bytes alone, for files that were cut off.
bool ends_properly(std::span<std::uint8_t const> head, std::span<std::uint8_t const> tail);

// Throws InputError: what is wrong with a file of the user's.
[[noreturn]] void refuse(std::string const& file, std::string const& problem);

// Throws InputError unless 1 <= height * width <= max_picture_pixels.
void check_extent(std::int64_t height, std::int64_t width, std::string const& file);

}  // namespace skipstone::images
