#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>

namespace skipstone::cli {

// Writes a file through a stream: what was at the path stays until all is written, and stays when `write` throws. A
// path that is no regular file (a pipe, /dev/stdout) is written directly. Throws InputError, naming the path, when it
// cannot be written, EnvironmentError when writing fails (disk full).
void write_file(std::filesystem::path const& path, std::function<void(std::ostream&)> const& write);

}  // namespace skipstone::cli
