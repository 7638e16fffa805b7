#include "units/output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <system_error>

#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone {

namespace {

namespace fs = std::filesystem;

// A name that no other writer takes, however many there are on however many hosts.
fs::path draft_name(fs::path const& target) {
    constexpr std::size_t most = 200;  // bytes of the target's name: what is added must fit, too
    std::random_device random;
    auto const number = (std::uint64_t{random()} << 32U) + random();
    return target.parent_path() / ("." + target.filename().string().substr(0, most) + ".new-" + std::to_string(number));
}

// An empty file under a name that nothing had; empty where there can be none, errno says why.
fs::path create_draft(fs::path const& target) {
    auto draft = draft_name(target);
    int const file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) return {};
    ::close(file);
    return draft;
}

// A file in a folder that gets its name when it is whole.
class Draft {
  public:
    explicit Draft(fs::path const& target)
        : target_(target),
          nameless_(::open(target.parent_path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666)),
          named_(nameless_ >= 0 ? draft_name(target) : create_draft(target)) {}
    ~Draft() {
        if (nameless_ >= 0) ::close(nameless_);
        std::error_code ignored;
        if (!named_.empty()) fs::remove(named_, ignored);
    }
    Draft(Draft const&) = delete;
    Draft& operator=(Draft const&) = delete;

    fs::path path() const { return nameless_ >= 0 ? "/proc/self/fd/" + std::to_string(nameless_) : named_.string(); }

    void replace_target() const {
        if (nameless_ >= 0) {  // only a rename replaces what is there
            if (::linkat(AT_FDCWD, path().c_str(), AT_FDCWD, named_.c_str(), AT_SYMLINK_FOLLOW) != 0)
                throw EnvironmentError::from_errno("linkat(" + target_.string() + ")");
        }
        fs::rename(named_, target_);
    }

  private:
    fs::path target_;
    int nameless_;
    fs::path named_;
};

// Throws std::ios::failure where not all could be written.
void write_through(std::ofstream& stream, std::function<void(std::ostream&)> const& write) {
    stream.exceptions(std::ios::badbit | std::ios::failbit);  // at once, while errno says why
    write(stream);
    stream.close();
}

}  // namespace

fs::path new_draft(fs::path const& target) {
    auto draft = create_draft(target);
    if (draft.empty()) throw EnvironmentError::from_errno("a file beside " + target.string());
    return draft;
}

void write_file(fs::path const& path, std::function<void(std::ostream&)> const& write) {
    auto const refuse = [&](std::string const& reason) -> InputError {
        return {InputPlace{path.string(), 0, ""}, "cannot be written (" + reason + ")"};
    };
    std::error_code error;
    if (path.empty()) throw InputError("cannot be written: the output's path is empty");
    if (fs::is_directory(path, error)) throw refuse("it is a folder");
    refuse_to_replace_input(path);
    bool const exists = fs::exists(path, error), direct = exists && !fs::is_regular_file(path, error);
    if (!direct && exists && ::access(path.c_str(), W_OK) != 0) throw refuse(std::generic_category().message(errno));
    std::optional<Draft> draft;
    if (!direct) {
        auto const target = fs::weakly_canonical(fs::absolute(path), error);
        draft.emplace(target);
        if (draft->path().empty()) throw refuse(std::generic_category().message(errno));
    }
    errno = 0;
    std::ofstream stream(direct ? path : draft->path(), std::ios::binary);
    if (!stream) throw refuse(std::generic_category().message(errno));
    try {
        write_through(stream, write);
    } catch (std::ios::failure const&) {
        throw EnvironmentError::from_errno("write(" + path.string() + ")");
    }
    if (draft) draft->replace_target();
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
