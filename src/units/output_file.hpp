#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>

namespace skipstone {

// Writes a file through a stream, whole or not at all: what was at the path stays until all is written, and stays when
// `write` throws or the process is killed, which leaves nothing else behind where the file system has files without
// names (O_TMPFILE: ext4, XFS, Btrfs, tmpfs). A link stays one: the file that it leads to is replaced. A path that is
// no regular file (a pipe, /dev/stdout) is written directly. Throws InputError, naming the path, when it cannot be
// written or is an input (input_files.hpp), EnvironmentError when writing fails (disk full).
void write_file(std::filesystem::path const& path, std::function<void(std::ostream&)> const& write);
void write_file(std::filesystem::path const& path, std::string const& text);
// The same for a library that opens its files itself: `write` gets the path of an empty file beside the path, which a
// kill leaves there. A path that is no regular file is refused.
void write_file_at(std::filesystem::path const& path, std::function<void(std::filesystem::path const&)> const& write);

// The same into a folder; a link that has this name there is replaced itself, wherever it leads.
void write_file_in(std::filesystem::path const& folder, std::string const& name,
                   std::function<void(std::ostream&)> const& write);

}  // namespace skipstone
