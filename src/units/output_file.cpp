#include "units/output_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>

#include "units/draft.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone {

namespace {

namespace fs = std::filesystem;

// Throws std::ios::failure where not all could be written.
void write_through(std::ofstream& stream, std::function<void(std::ostream&)> const& write) {
    stream.exceptions(std::ios::badbit | std::ios::failbit);  // at once, while errno says why
    write(stream);
    stream.close();
}

InputError not_writable(fs::path const& path, std::string const& reason) {
    return {InputPlace{path.string(), 0, ""}, "cannot be written (" + reason + ")"};
}

// What takes the path's place when it is whole; none: what is there is no regular file. Throws InputError where nothing
// may be written.
std::unique_ptr<Draft> draft_for(fs::path const& path, Draft::Name name) {
    std::error_code error;
    if (path.empty()) throw InputError("cannot be written: the output's path is empty");
    if (fs::is_directory(path, error)) throw not_writable(path, "it is a folder");
    refuse_to_replace_input(path);
    bool const exists = fs::exists(path, error);
    if (exists && !fs::is_regular_file(path, error)) return nullptr;
    if (exists && ::access(path.c_str(), W_OK) != 0) throw not_writable(path, std::generic_category().message(errno));
    try {
        return std::make_unique<Draft>(fs::weakly_canonical(fs::absolute(path), error), name);
    } catch (EnvironmentError const&) {
        throw not_writable(path, std::generic_category().message(errno));
    }
}

}  // namespace

void write_file(fs::path const& path, std::function<void(std::ostream&)> const& write) {
    auto draft = draft_for(path, Draft::Name::when_whole);
    errno = 0;
    std::ofstream stream(draft ? draft->path() : path, std::ios::binary);
    if (!stream) throw not_writable(path, std::generic_category().message(errno));
    try {
        write_through(stream, write);
    } catch (std::ios::failure const&) {
        throw EnvironmentError::from_errno("write(" + path.string() + ")");
    }
    if (draft) draft->replace_target();
}

void write_file_at(fs::path const& path, std::function<void(fs::path const&)> const& write) {
    auto draft = draft_for(path, Draft::Name::at_once);
    if (!draft) throw not_writable(path, "it is no regular file");
    write(draft->path());
    draft->replace_target();
}

void write_file(fs::path const& path, std::string const& text) {
    write_file(path, [&](std::ostream& out) { out << text; });
}

void write_file_in(fs::path const& folder, std::string const& name, std::function<void(std::ostream&)> const& write) {
    auto const path = folder / name;
    refuse_to_replace_input(path);
    std::error_code ignored;
    if (fs::is_symlink(path, ignored)) fs::remove(path, ignored);
    write_file(path, write);
}

}  // namespace skipstone
