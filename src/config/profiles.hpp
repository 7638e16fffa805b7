#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/accuracy_table.hpp"
#include "model/calibration.hpp"
#include "model/device.hpp"
#include "model/fault.hpp"
#include "model/link.hpp"
#include "model/network.hpp"

// Profiles: networks, devices, links, faults, accuracy tables, calibrations and scenarios that a name stands for. A
// name is looked up as NAME.toml in the kind's folder under each of the profile folders; what contains a '/' or ends in
// .toml is a path, relative to a given folder first, then to the current one; so is a name that no profile has, if a
// file has it.
namespace skipstone::config {

enum class ProfileKind { network, device, link, fault, accuracy, calibration, scenario };

// Folders that hold networks/, devices/, links/, faults/, accuracy/, calibrations/ and scenarios/; the first one that
// has a name wins.
struct ProfileFolders {
    std::vector<std::filesystem::path> roots;
    std::vector<std::filesystem::path> built_in;  // those of them that came with the program
    // The weights file that a file given as such stands for: what a model of another format was imported to, every
    // other file itself. Throws InputError. None: every file itself.
    std::function<std::string(std::string const& path)> weights_file = {};
};

// In this order, as far as they exist: those of the environment variable SKIPSTONE_PROFILES (separated by ':'),
// share/skipstone/profiles beside the executable's folder (installed), profiles/ in a folder above the executable, and
// the source folder's own.
ProfileFolders default_profile_folders(std::filesystem::path const& executable);

// Names of all profiles of a kind, sorted, each once.
std::vector<std::string> profile_names(ProfileKind kind, ProfileFolders const& folders);

// The file that a name or path means; folder: what a relative path refers to first, may be empty. Throws InputError
// (without a place) that names the nearest profile and lists those there are.
std::filesystem::path find_profile(ProfileKind kind, std::string const& name_or_path, ProfileFolders const& folders,
                                   std::filesystem::path const& folder = {});
// The file that a path means, relative to `folder` first, then to the current folder; what: "weights file", for the
// InputError.
std::filesystem::path find_file(std::string const& path, std::filesystem::path const& folder, std::string_view what);

// Each throws InputError with file, line and key.
NetworkProfile load_network_profile(std::string const& name_or_path, ProfileFolders const& folders,
                                    std::filesystem::path const& folder = {});
Device load_device_profile(std::string const& name_or_path, ProfileFolders const& folders,
                           std::filesystem::path const& folder = {});
LinkModel load_link_profile(std::string const& name_or_path, ProfileFolders const& folders,
                            std::filesystem::path const& folder = {});
FaultModel load_fault_profile(std::string const& name_or_path, ProfileFolders const& folders,
                              std::filesystem::path const& folder = {});
AccuracyTable load_accuracy_table(std::string const& name_or_path, ProfileFolders const& folders,
                                  std::filesystem::path const& folder = {});
Calibration load_calibration(std::string const& name_or_path, ProfileFolders const& folders,
                             std::filesystem::path const& folder = {});

// A device profile's TOML text; loads to the same device. source: where its numbers come from.
std::string device_profile_text(Device const& device, std::string const& source);

// How an accuracy table came about, beyond its own fields; empty ones are left out.
struct AccuracyProvenance {
    std::string date, weights, software, remark;
    std::string convolutions;         // the policy: standard, measured or direct
    int input = 0;                    // height and width of the network's input
    std::vector<std::string> labels;  // names of the data's class folders, by label
    std::vector<std::string> blocks;  // of the network, in order
    std::vector<int> stages;          // theirs, for pictures
};
// An accuracy table's TOML text; loads to the same table, its name (the file's) excepted.
std::string accuracy_table_text(AccuracyTable const& table, AccuracyProvenance const& provenance = {});

// A calibration's TOML text; loads to the same calibration, its name (the file's) excepted.
std::string calibration_text(Calibration const& calibration);

}  // namespace skipstone::config
