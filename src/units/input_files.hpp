#pragma once

#include <cstdint>
#include <filesystem>

// What this process has read may not be written over, whatever path leads there: links, other spellings, other names of
// the same file. Files are therefore remembered by device and inode. For the whole process, from any thread.
namespace skipstone {

// To be called by whoever opens a file that a user gave, or that such a file names. Throws InputError when standard
// output or standard error goes into that very file.
void remember_input(std::filesystem::path const& path);

// Files that are in this folder, or below it, belong to the program: none of them may be replaced.
void protect_folder(std::filesystem::path const& folder);

// The byte, far behind any file's end, that whoever writes a trace keeps locked.
constexpr std::int64_t mark_of_writer = std::int64_t{1} << 62;

// Whether a run, of this process or another one, is writing the file at the path.
bool is_being_written(std::filesystem::path const& path);

// To be called before a file is written, and before the work whose result it shall hold. Throws InputError, naming the
// path, when it leads to a remembered file, to one of a protected folder, or to a trace that a run is writing; what is
// not there yet is always fine.
void refuse_to_replace_input(std::filesystem::path const& output);

}  // namespace skipstone
