#include "config/profiles.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "config/calibration_table.hpp"
#include "config/fault_section.hpp"
#include "config/file_kind.hpp"
#include "config/network_profile.hpp"
#include "config/profile_tables.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"
#include "units/plain_text.hpp"

namespace skipstone::config {

namespace fs = std::filesystem;

namespace {

std::string_view folder_name(ProfileKind kind) {
    switch (kind) {
        case ProfileKind::network:
            return "networks";
        case ProfileKind::device:
            return "devices";
        case ProfileKind::link:
            return "links";
        case ProfileKind::fault:
            return "faults";
        case ProfileKind::accuracy:
            return "accuracy";
        case ProfileKind::calibration:
            return "calibrations";
        case ProfileKind::scenario:
            return "scenarios";
    }
    return "?";
}

std::string_view noun(ProfileKind kind) {
    switch (kind) {
        case ProfileKind::network:
            return "network profile";
        case ProfileKind::device:
            return "device profile";
        case ProfileKind::link:
            return "link profile";
        case ProfileKind::fault:
            return "fault profile";
        case ProfileKind::accuracy:
            return "accuracy table";
        case ProfileKind::calibration:
            return "calibration";
        case ProfileKind::scenario:
            return "scenario";
    }
    return "?";
}

bool is_path(std::string_view text) {
    return text.find('/') != std::string_view::npos || text.ends_with(".toml");
}

bool is_file(fs::path const& path) {
    if (path.native().find('\0') != std::string::npos) return false;  // the system would look at what is before it
    std::error_code ignored;
    return fs::exists(path, ignored) && !fs::is_directory(path, ignored);
}

bool is_profile_folder(fs::path const& path) {
    std::error_code ignored;
    return fs::is_directory(path / "networks", ignored) || fs::is_directory(path / "scenarios", ignored);
}

std::string joined(std::vector<std::string> const& names) {
    constexpr std::size_t most = 40;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i > 0 ? ", " : "") + names[i];
    return names.size() > most ? text + ", …" : text;
}

}  // namespace

ProfileFolders default_profile_folders(fs::path const& executable) {
    ProfileFolders folders;
    auto const add_once = [](std::vector<fs::path>& to, fs::path const& path) {
        if (std::ranges::find(to, path) == to.end()) to.push_back(path);
    };
    auto const add = [&](fs::path const& path) {
        fs::path const normal = path.lexically_normal();
        if (is_profile_folder(normal)) add_once(folders.roots, normal);
    };
    auto const add_built_in = [&](fs::path const& path) {
        add(path);
        if (fs::path const normal = path.lexically_normal(); is_profile_folder(normal))
            add_once(folders.built_in, normal);
    };
    if (char const* listed = std::getenv("SKIPSTONE_PROFILES")) {
        std::string_view rest = listed;
        while (!rest.empty()) {
            auto const end = std::min(rest.find(':'), rest.size());
            if (end > 0) add(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    std::error_code error;
    fs::path const program = fs::weakly_canonical(executable, error);
    fs::path folder = (error ? executable : program).parent_path();
    add_built_in(folder.parent_path() / "share/skipstone/profiles");
    while (!folder.empty()) {
        add_built_in(folder / "profiles");
        if (folder == folder.parent_path()) break;
        folder = folder.parent_path();
    }
    add_built_in(SKIPSTONE_SOURCE_PROFILES);
    return folders;
}

std::vector<std::string> profile_names(ProfileKind kind, ProfileFolders const& folders) {
    std::set<std::string> names;
    for (fs::path const& root : folders.roots) {
        std::error_code error;
        for (auto const& entry : fs::directory_iterator(root / folder_name(kind), error))
            if (entry.path().extension() == ".toml") names.insert(entry.path().stem().string());
    }
    return {names.begin(), names.end()};
}

fs::path find_file(std::string const& path, fs::path const& folder, std::string_view what) {
    fs::path const given(path);
    if (given.is_relative() && !folder.empty() && is_file(folder / given)) return (folder / given).lexically_normal();
    if (is_file(given)) return given;
    std::string const problem = "there is no " + std::string(what) + " \"" + path + "\"";
    std::error_code ignored;
    if (fs::is_directory(given, ignored)) throw InputError(problem + " (it is a folder); name a file");
    if (given.is_absolute() || folder.empty() || folder == ".") throw InputError(problem + "; check the path");
    throw InputError(problem + " in " + folder.string() + " or the current folder; check the path");
}

fs::path find_profile(ProfileKind kind, std::string const& name_or_path, ProfileFolders const& folders,
                      fs::path const& folder) {
    if (is_path(name_or_path)) return find_file(name_or_path, folder, noun(kind));
    for (fs::path const& root : folders.roots) {
        fs::path const path = root / folder_name(kind) / (name_or_path + ".toml");
        if (!name_or_path.empty() && is_file(path)) return path;
    }
    std::error_code ignored;  // a file that is there is what is meant
    if (!name_or_path.empty() && name_or_path.find('\0') == std::string::npos &&
        (fs::exists(name_or_path, ignored) || (!folder.empty() && fs::exists(folder / name_or_path, ignored))))
        return find_file(name_or_path, folder, noun(kind));
    auto const names = profile_names(kind, folders);
    auto const similar = lookalike(name_or_path);
    std::string const problem = "there is no " + std::string(noun(kind)) + " \"" + name_or_path + "\"";
    if (names.empty())
        throw InputError(problem + ", nor any other (no folder of profiles was found); set SKIPSTONE_PROFILES to one");
    throw InputError(problem + "; the nearest is \"" + nearest(name_or_path, names) + "\", and there are " +
                     joined(names) + (similar.empty() ? " (or give the path of a file)" : " (" + similar + ")"));
}

NetworkProfile load_network_profile(std::string const& name_or_path, ProfileFolders const& folders,
                                    fs::path const& folder) {
    auto const path = find_profile(ProfileKind::network, name_or_path, folders, folder);
    return read_as(FileKind::network_profile, path, [&] {
        Value const table = read_toml_file(path);
        return read_network_profile(TableReader(table, ""));
    });
}

Device load_device_profile(std::string const& name_or_path, ProfileFolders const& folders, fs::path const& folder) {
    auto const path = find_profile(ProfileKind::device, name_or_path, folders, folder);
    return read_as(FileKind::device_profile, path, [&] {
        Value const table = read_toml_file(path);
        return read_device_profile(TableReader(table, ""));
    });
}

LinkModel load_link_profile(std::string const& name_or_path, ProfileFolders const& folders, fs::path const& folder) {
    auto const path = find_profile(ProfileKind::link, name_or_path, folders, folder);
    return read_as(FileKind::link_profile, path, [&] {
        Value const table = read_toml_file(path);
        return read_link_profile(TableReader(table, ""));
    });
}

FaultModel load_fault_profile(std::string const& name_or_path, ProfileFolders const& folders, fs::path const& folder) {
    auto const path = find_profile(ProfileKind::fault, name_or_path, folders, folder);
    return read_as(FileKind::fault_profile, path, [&] {
        Value const table = read_toml_file(path);
        return read_fault_profile(TableReader(table, ""));
    });
}

AccuracyTable load_accuracy_table(std::string const& name_or_path, ProfileFolders const& folders,
                                  fs::path const& folder) {
    auto const path = find_profile(ProfileKind::accuracy, name_or_path, folders, folder);
    return read_as(FileKind::accuracy_table, path, [&] {
        Value const table = read_toml_file(path);
        return read_accuracy_table(TableReader(table, ""), name_or_path);
    });
}

Calibration load_calibration(std::string const& name_or_path, ProfileFolders const& folders, fs::path const& folder) {
    auto const path = find_profile(ProfileKind::calibration, name_or_path, folders, folder);
    return read_as(FileKind::calibration, path, [&] {
        Value const table = read_toml_file(path);
        return read_calibration(TableReader(table, ""), name_or_path);
    });
}

std::string device_profile_text(Device const& device, std::string const& source) {
    return "name = " + toml_string(device.name) + "\nsource = " + toml_string(source) + "\n" + device_lines(device);
}

std::string accuracy_table_text(AccuracyTable const& table, AccuracyProvenance const& provenance) {
    std::string text = accuracy_lines(table);
    auto const add = [&](std::string_view key, std::string const& value) {
        if (!value.empty()) text += std::string(key) + " = " + toml_string(value) + "\n";
    };
    add("date", provenance.date);
    add("weights", provenance.weights);
    add("weights_sha256", table.weights_sha256);
    add("software", provenance.software);
    add("remark", provenance.remark);
    add("convolutions", provenance.convolutions);
    if (provenance.input > 0) text += "input = " + std::to_string(provenance.input) + "\n";
    if (!provenance.labels.empty()) text += "labels = " + string_list(provenance.labels) + "\n";
    if (!provenance.blocks.empty()) {
        text += "blocks = " + string_list(provenance.blocks) + "\nstages = [";
        for (auto const& stage : provenance.stages)
            text += (&stage == &provenance.stages.front() ? "" : ", ") + std::to_string(stage);
        text += "]\n";
    }
    return text + accuracy_rows(table, "row");
}

std::string calibration_text(Calibration const& calibration) {
    return calibration_lines(calibration, "ranges");
}

}  // namespace skipstone::config
