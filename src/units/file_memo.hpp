#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "units/error.hpp"

namespace skipstone {

// What tells a file's contents apart without reading them, as text: device, inode, size, and the times of the last
// write and of the last change of any kind. Nothing for what is no regular file, and for a file that changed within the
// last two seconds: it could change once more without its times showing that.
std::optional<std::string> settled_identity(std::filesystem::path const& path);

// The same of a file that is open, however recently it changed.
std::string file_identity(int descriptor);

// A file's hash, and which file in which state it is of (file_identity()): whoever opens the path again compares that.
struct HashedFile {
    std::string sha256, identity;
};

// Hash and identity are of one opening of the file. A file is read once only: its hash is kept in the cache folder under
// its path, and counts as long as settled_identity() is the same. Without a cache folder, or where it cannot be written,
// every call reads. Throws InputError when the file cannot be read, or changes meanwhile.
HashedFile remembered_hash(std::filesystem::path const& path);
std::string remembered_sha256(std::filesystem::path const& path);

// What to throw where a file is no longer what was hashed.
InputError changed_while_read(std::filesystem::path const& path);

// Replaces a small file as a whole: readers find the old text or the new one. False when it cannot be written.
bool replace_text(std::filesystem::path const& path, std::string const& text);
// The whole file; nothing when it cannot be read, or is longer than a few kilobytes.
std::optional<std::string> read_short_text(std::filesystem::path const& path);

}  // namespace skipstone
