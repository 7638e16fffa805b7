#include "sweep/folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <random>
#include <system_error>
#include <utility>

#include "units/error.hpp"

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

}  // namespace

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
    auto const draft = file.parent_path() / ("." + file.filename().string() + "." + unique_suffix());
    try {
        Descriptor const descriptor(draft, O_WRONLY | O_CREAT | O_TRUNC);
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
        Descriptor const descriptor(text, O_WRONLY | O_CREAT | O_TRUNC);
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
        attempts.push_back({name.substr(0, name.find('.')), entry.path()});
    }
    return attempts;
}

}  // namespace skipstone::sweep
