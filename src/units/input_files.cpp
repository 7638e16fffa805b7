#include "units/input_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "units/error.hpp"

namespace skipstone {

namespace {

namespace fs = std::filesystem;

using Inode = std::pair<dev_t, ino_t>;

struct Known {
    std::mutex mutex;
    std::map<Inode, std::string> inputs;  // with the absolute path by which each was read
    std::vector<fs::path> folders;        // protected ones, without links
};

Known& known() {
    static Known known;
    return known;
}

std::optional<Inode> regular_file(struct stat const& status) {
    if (!S_ISREG(status.st_mode)) return std::nullopt;
    return Inode{status.st_dev, status.st_ino};
}

std::optional<Inode> inode_of(fs::path const& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return regular_file(status);
}

std::optional<Inode> inode_of(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return std::nullopt;
    return regular_file(status);
}

bool is_below(fs::path const& path, fs::path const& folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace

void remember_input(fs::path const& path) {
    auto const inode = inode_of(path);
    if (!inode) return;
    for (auto const& [descriptor, name] : {std::pair(STDOUT_FILENO, "output"), std::pair(STDERR_FILENO, "error")})
        if (inode_of(descriptor) == inode)
            throw InputError({path.string(), 0, ""}, std::string("is read, and standard ") + name +
                                                         " goes into this very file; send it elsewhere");
    std::error_code ignored;
    auto absolute = fs::absolute(path, ignored).string();
    std::scoped_lock const lock(known().mutex);
    known().inputs.insert_or_assign(*inode, std::move(absolute));
}

void protect_folder(fs::path const& folder) {
    std::error_code error;
    auto canonical = fs::canonical(folder, error);
    if (error) return;
    std::scoped_lock const lock(known().mutex);
    known().folders.push_back(std::move(canonical));
}

bool is_being_written(fs::path const& path) {
    int const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = mark_of_writer;
    lock.l_len = 1;
    bool const found = ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    ::close(descriptor);
    return found;
}

void refuse_to_replace_input(fs::path const& output) {
    auto const inode = inode_of(output);
    if (!inode) return;
    std::error_code error;
    auto const canonical = fs::canonical(output, error);
    std::scoped_lock const lock(known().mutex);
    // A file that is gone may have left its inode to another one.
    if (auto const input = known().inputs.find(*inode);
        input != known().inputs.end() && inode_of(fs::path(input->second)) == inode) {
        bool const same_name = input->second == fs::absolute(output, error).string();
        throw InputError({output.string(), 0, ""},
                         "would be written over, and it is an input of this very command" +
                             (same_name ? std::string() : " (" + input->second + " is the same file)") +
                             "; name another file");
    }
    if (is_being_written(output))
        throw InputError({output.string(), 0, ""},
                         "a run is writing this trace now; wait for its end, or name another file");
    for (auto const& folder : known().folders)
        if (is_below(canonical, folder))
            throw InputError({output.string(), 0, ""}, "is one of the built-in profiles (" + folder.string() +
                                                           "), which are not written over; name another file");
}

}  // namespace skipstone
