#include "cli/output_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

#include "units/error.hpp"

namespace skipstone::cli {

namespace fs = std::filesystem;

void write_file(fs::path const& path, std::function<void(std::ostream&)> const& write) {
    auto const refuse = [&](std::string const& reason) -> InputError {
        return {InputPlace{path.string(), 0, ""}, "cannot be written (" + reason + ")"};
    };
    std::error_code error;
    if (path.empty()) throw InputError("cannot be written: the output's path is empty");
    if (fs::is_directory(path, error)) throw refuse("it is a folder");
    bool const direct = fs::exists(path, error) && !fs::is_regular_file(path, error);
    if (!direct && fs::exists(path, error) && ::access(path.c_str(), W_OK) != 0)
        throw refuse(std::generic_category().message(errno));
    // A link stays one: the file that it leads to is replaced.
    auto const target = direct ? path : fs::weakly_canonical(path, error);
    auto const draft =
        direct ? path
               : target.parent_path() / ("." + target.filename().string() + ".new-" + std::to_string(::getpid()));
    errno = 0;
    std::ofstream stream(draft, std::ios::binary);
    if (!stream) throw refuse(std::generic_category().message(errno));
    stream.exceptions(std::ios::badbit | std::ios::failbit);  // at once, while errno says why
    try {
        write(stream);
        stream.close();
        if (!direct) fs::rename(draft, target);
    } catch (std::ios::failure const&) {
        auto const failure = EnvironmentError::from_errno("write(" + path.string() + ")");
        if (!direct) fs::remove(draft, error);
        throw failure;
    } catch (...) {
        if (!direct) fs::remove(draft, error);
        throw;
    }
}

}  // namespace skipstone::cli
