#include "cli/import_cache.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "units/cache_folder.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"
#include "units/input_files.hpp"
#include "units/sha256.hpp"

namespace skipstone::cli::import_cache {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t limit_bytes = 2'000'000'000;  // of all weights files together
constexpr auto abandoned_after = std::chrono::hours(1);

std::string hash_of(std::string const& text) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text)));
    return hash.finish();
}

// Names of files, a line each; nothing where there is no such list.
std::optional<std::vector<std::string>> read_list(fs::path const& path) {
    std::ifstream file(path);
    if (!file) return std::nullopt;
    std::vector<std::string> names;
    for (std::string name; std::getline(file, name);) names.push_back(name);
    return names;
}

// The hash of all that the weights file follows from; nothing when one of the files is not there.
std::optional<std::string> key_of(std::string const& model_key, fs::path const& folder,
                                  std::vector<std::string> const& files) try {
    auto text = model_key;
    for (auto const& name : files) {
        auto const path = folder / name;
        remember_input(path);
        text += "\n" + name + " " + remembered_sha256(path);
    }
    return hash_of(text);
} catch (InputError const&) {
    return std::nullopt;
}

fs::path used_beside(fs::path file) {
    return file.replace_extension(".used");
}

void mark_used(fs::path const& file) {
    replace_text(used_beside(file), "");
}

// Removes what a writer left that was killed, and what was not used for the longest time, until the rest keeps the
// limit.
void make_room(fs::path const& folder) {
    struct Kept {
        fs::path file;
        std::uintmax_t bytes;
        fs::file_time_type used;
    };
    std::vector<Kept> all;
    std::error_code error;
    for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
        std::error_code gone;
        auto const& file = entry->path();
        auto const written = entry->last_write_time(gone);
        auto const name = file.filename().string();
        if (file.extension() == ".h5" && name.front() != '.') {
            std::error_code unused;
            auto const used = fs::last_write_time(used_beside(file), unused);
            auto const bytes = entry->file_size(gone);
            if (!gone) all.push_back({file, bytes, unused ? written : used});
        } else if (name.front() == '.' && !gone && fs::file_time_type::clock::now() - written > abandoned_after) {
            fs::remove(file, gone);
        }
    }
    std::ranges::sort(all, {}, &Kept::used);
    std::uintmax_t total = 0;
    for (auto const& kept : all) total += kept.bytes;
    for (auto const& kept : all) {
        if (total <= limit_bytes) return;
        fs::remove(kept.file, error);
        fs::remove(used_beside(kept.file), error);
        total -= kept.bytes;
    }
}

std::string short_name(std::string const& model) {
    constexpr std::size_t most = 60;
    auto name = fs::path(model).stem().string().substr(0, most);
    std::ranges::replace(name, '.', '_');
    return name;
}

// A model, and what identifies it.
struct Model {
    std::string path, key;
    HashedFile hashed;

    fs::path folder() const {
        std::error_code ignored;
        return fs::absolute(path, ignored).parent_path();
    }
    void expect_unchanged() const {
        InputFile const now(path);
        if (file_identity(now.descriptor()) != hashed.identity) throw changed_while_read(path);
    }
};

fs::path file_in(fs::path const& folder, Model const& model, std::string const& key) {
    constexpr std::size_t digits = 32;
    return folder / (short_name(model.path) + "-" + key.substr(0, digits) + ".h5");
}

// Whether nothing was written to the files of a model's weights since a time, and their names stand on a line each.
bool are_settled(fs::path const& folder, std::vector<std::string> const& files, fs::file_time_type since) {
    return std::ranges::all_of(files, [&](std::string const& name) {
        std::error_code error;
        return name.find('\n') == std::string::npos && fs::last_write_time(folder / name, error) < since && !error;
    });
}

// Imports into the folder; nothing when the file cannot be kept there.
std::optional<std::string> keep(fs::path const& folder, Model const& model, Import const& import) {
    std::error_code error;
    fs::create_directories(folder, error);
    auto const draft = folder / ("." + short_name(model.path) + "-" + std::to_string(::getpid()) + ".new");
    auto const begin = fs::file_time_type::clock::now();
    std::vector<std::string> files;
    try {
        files = import(draft.string());
    } catch (EnvironmentError const&) {
        return std::nullopt;  // no room, not writable
    }
    struct Remove {
        fs::path const& draft;
        ~Remove() {
            std::error_code ignored;
            fs::remove(draft, ignored);
        }
    } const remove{draft};
    model.expect_unchanged();
    if (!are_settled(model.folder(), files, begin)) return std::nullopt;
    auto const key = key_of(model.key, model.folder(), files);
    std::string list;
    for (auto const& name : files) list += name + "\n";
    if (!key || !replace_text(folder / (model.key + ".files"), list)) return std::nullopt;
    auto const file = file_in(folder, model, *key);
    fs::rename(draft, file, error);
    if (error) return std::nullopt;
    mark_used(file);
    make_room(folder);
    return file.string();
}

std::optional<std::string> kept_before(fs::path const& folder, Model const& model) {
    auto const files = read_list(folder / (model.key + ".files"));
    auto const key = files ? key_of(model.key, model.folder(), *files) : std::nullopt;
    if (!key) return std::nullopt;
    auto const file = file_in(folder, model, *key);
    std::error_code error;
    if (!fs::is_regular_file(file, error)) return std::nullopt;
    mark_used(file);
    return file.string();
}

// A folder that goes with this object.
class TemporaryFolder {
  public:
    TemporaryFolder() : path_((fs::temp_directory_path() / "skipstone-import-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) throw EnvironmentError::from_errno("mkdtemp(" + path_ + ")");
    }
    TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TemporaryFolder(TemporaryFolder const&) = delete;
    TemporaryFolder& operator=(TemporaryFolder const&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }

    fs::path path() const { return path_; }

  private:
    std::string path_;
};

// A file that goes when this process ends by itself.
std::string until_the_end(Import const& import) {
    static std::vector<TemporaryFolder> folders;
    TemporaryFolder folder;
    auto file = (folder.path() / "weights.h5").string();
    import(file);
    folders.push_back(std::move(folder));
    return file;
}

}  // namespace

std::string file_of(std::string const& path, std::string const& output, Import const& import) {
    remember_input(path);
    Model model{path, "", remembered_hash(path)};
    model.key = hash_of("skipstone import " SKIPSTONE_VERSION " " SKIPSTONE_REVISION "\noutput " + output + "\nmodel " +
                        model.hashed.sha256);
    // One process needs a model's weights at several places.
    static std::mutex mutex;
    static std::map<std::string, std::string> made;
    std::scoped_lock const lock(mutex);
    auto const place = path + "\n" + model.key + "\n" + model.hashed.identity;
    if (auto const found = made.find(place); found != made.end()) return found->second;
    std::optional<std::string> file;
    if (auto const cache = cache_folder()) {
        auto const folder = *cache / "imports";
        file = kept_before(folder, model);
        if (!file) file = keep(folder, model, import);
    }
    if (!file) {
        file = until_the_end(import);
        model.expect_unchanged();
    }
    made.emplace(place, *file);
    return *file;
}

}  // namespace skipstone::cli::import_cache
