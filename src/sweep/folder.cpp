#include "sweep/folder.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "units/error.hpp"
#include "units/draft.hpp"

namespace skipstone::sweep {

namespace fs = std::filesystem;

namespace {

// A file descriptor that is closed when it goes.
class Descriptor {
  public:
    Descriptor(fs::path const& path, int flags)
        : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
        if (descriptor_ < 0) fail("open");
    }
    Descriptor(Descriptor const&) = delete;
    Descriptor& operator=(Descriptor const&) = delete;
    ~Descriptor() { ::close(descriptor_); }

    void write(std::string_view text) const {
        while (!text.empty()) {
            auto const written = ::write(descriptor_, text.data(), text.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail("write");
            text.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    void sync() const {
        if (::fsync(descriptor_) != 0) fail("fsync");
    }

  private:
    [[noreturn]] void fail(std::string const& call) const {
        throw EnvironmentError::from_errno(call + "(" + path_.string() + ")");
    }
    fs::path path_;
    int descriptor_;
};

void sync(fs::path const& path, int flags) {
    Descriptor(path, flags).sync();
}

void move(fs::path const& from, fs::path const& to) {
    std::error_code error;
    fs::rename(from, to, error);
    if (error) throw EnvironmentError("rename(" + to.string() + ")", error.message());
}

std::optional<std::string> content(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string unique_suffix() {
    return host_name() + "." + std::to_string(::getpid()) + "." + std::to_string(std::random_device{}());
}

// Throws InputError unless this user may use what is at `place` of a sweep's folder; what is not there yet is fine.
void expect_access(fs::path const& folder, fs::path const& place, int mode) {
    if (::access(place.c_str(), mode) == 0 || errno == ENOENT) return;
    auto const reason = std::generic_category().message(errno);
    struct stat status {};
    passwd const* const owner = ::stat(place.c_str(), &status) == 0 ? ::getpwuid(status.st_uid) : nullptr;
    auto const name = owner != nullptr ? std::string(owner->pw_name) : "user " + std::to_string(status.st_uid);
    throw InputError({place.string(), 0, ""},
                     "cannot be written (" + reason + "): it belongs to " + name +
                         ". To run points of one sweep together, share a group, let " + name + " call \"chmod -R g+rwX " +
                         folder.string() + "\", and set \"umask 002\" before running; or run in a folder of your own "
                         "(--folder)");
}

bool has_only(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// "ID.HOST.PID.RANDOM", as new_attempt() makes it.
bool is_attempt(std::string_view name) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0, end = 0; end < name.size(); begin = end + 1) {
        end = std::min(name.find('.', begin), name.size());
        parts.push_back(name.substr(begin, end - begin));
    }
    constexpr std::string_view digits = "0123456789";
    return parts.size() == 4 && is_id(parts[0]) && has_only(parts[2], digits) && has_only(parts[3], digits);
}

}  // namespace

bool is_id(std::string_view text) {
    constexpr std::size_t length = 16;
    return text.size() == length && has_only(text, "0123456789abcdef");
}

std::string host_name() {
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    std::string text = name.data();
    for (char& c : text)
        if (c == '/' || c == '.' || static_cast<unsigned char>(c) <= ' ') c = '-';
    return text;
}

std::string now_text() {
    std::array<char, 32> date{};
    std::time_t const now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return date.data();
}

void Folder::create() const {
    for (char const* const name : {"points", "failed", "running"}) {
        std::error_code error;
        fs::create_directories(path_ / name, error);
        if (error) throw InputError({path_.string(), 0, ""}, "cannot be the sweep's folder (" + error.message() + ")");
    }
    for (auto const& place : {path_, path_ / "points", path_ / "failed", path_ / "running"})
        expect_access(path_, place, R_OK | W_OK | X_OK);
    for (auto const& file : {claims(), path_ / "log.txt"}) expect_access(path_, file, R_OK | W_OK);
}

bool Folder::exists() const {
    std::error_code ignored;
    return fs::is_directory(path_ / "points", ignored);
}

std::optional<config::SweepRecord> Folder::record(std::string const& id) const {
    auto const file = path_ / "points" / (id + ".json");
    auto const text = content(file);
    if (!text) return std::nullopt;
    try {
        auto record = config::parse_record(*text, file.string());
        std::error_code error;
        auto const size = fs::file_size(trace(id), error);
        if (error || record.id != id || size != static_cast<std::uintmax_t>(record.trace_bytes)) return std::nullopt;
        return record;
    } catch (InputError const&) {
        return std::nullopt;
    }
}

std::optional<config::SweepFailure> Folder::failure(std::string const& id) const {
    auto const file = path_ / "failed" / (id + ".json");
    auto const text = content(file);
    if (!text) return std::nullopt;
    try {
        return config::parse_failure(*text, file.string());
    } catch (InputError const&) {
        return std::nullopt;
    }
}

void Folder::write(fs::path const& file, std::string_view text) const {
    auto const draft = new_draft(file);
    try {
        Descriptor const descriptor(draft, O_WRONLY | O_NOFOLLOW);
        descriptor.write(text);
        descriptor.sync();
        move(draft, file);
    } catch (...) {
        std::error_code ignored;
        fs::remove(draft, ignored);
        throw;
    }
}

void Folder::publish(fs::path const& attempt, config::SweepRecord const& record) const {
    auto const text = attempt / "record.json";
    {
        Descriptor const descriptor(text, O_WRONLY | O_CREAT | O_EXCL);
        descriptor.write(config::record_text(record));
        descriptor.sync();
    }
    sync(attempt / attempt_trace, O_RDONLY);
    move(attempt / attempt_trace, trace(record.id));
    move(text, path_ / "points" / (record.id + ".json"));
    sync(path_ / "points", O_RDONLY | O_DIRECTORY);
    std::error_code ignored;
    fs::remove(path_ / "failed" / (record.id + ".json"), ignored);
}

void Folder::write_failure(config::SweepFailure const& failure) const {
    write(path_ / "failed" / (failure.id + ".json"), config::failure_text(failure));
}

void Folder::look_again() const {
    for (char const* const name : {"points", "failed"}) Descriptor(path_ / name, O_RDONLY | O_DIRECTORY);
}

void Folder::log(std::string const& id, std::string_view what, int process) const {
    char const* const job = std::getenv("SLURM_JOB_ID");
    Descriptor(path_ / "log.txt", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW)
        .write(now_text() + " " + id + " " + std::string(what) + " " + host_name() + " " + std::to_string(process) +
               " " + (job != nullptr ? job : "-") + "\n");
}

std::vector<Folder::Leftover> Folder::leftovers(std::set<std::string> const& ids) const {
    std::map<std::string, Leftover> found;
    for (char const* const name : {"points", "failed"}) {
        std::error_code error;
        for (auto const& entry : fs::directory_iterator(path_ / name, error)) {
            auto const& file = entry.path();
            auto const id = file.stem().string();
            auto const ending = file.extension();
            if (!is_id(id) || ids.contains(id) || (ending != ".h5" && ending != ".json")) continue;
            auto& leftover = found[id];
            leftover.id = id;
            std::error_code gone;
            if (auto const size = fs::file_size(file, gone); !gone) leftover.bytes += size;
            leftover.files.push_back(file);
        }
    }
    std::vector<Leftover> all;
    for (auto& [id, leftover] : found) {
        if (auto const known = record(id))
            leftover.name = known->name;
        else if (auto const failed = failure(id))
            leftover.name = failed->name;
        all.push_back(std::move(leftover));
    }
    return all;
}

fs::path Folder::new_attempt(std::string const& id) const {
    auto folder = path_ / "running" / (id + "." + unique_suffix());
    std::error_code error;
    if (!fs::create_directory(folder, error)) throw EnvironmentError("mkdir(" + folder.string() + ")", error.message());
    return folder;
}

std::vector<Folder::Attempt> Folder::attempts() const {
    std::vector<Attempt> attempts;
    std::error_code error;
    for (auto const& entry : fs::directory_iterator(path_ / "running", error)) {
        auto const name = entry.path().filename().string();
        std::error_code gone;
        if (is_attempt(name) && entry.symlink_status(gone).type() == fs::file_type::directory)
            attempts.push_back({name.substr(0, name.find('.')), entry.path()});
    }
    return attempts;
}

}  // namespace skipstone::sweep
