#pragma once

#include <filesystem>
#include <string_view>

namespace skipstone::config {

enum class FileKind {
    scenario,
    network_profile,
    device_profile,
    link_profile,
    fault_profile,
    accuracy_table,
    calibration,
    sweep,
    instance,  // JSON, "format": "skipstone-instance"
    hdf5,      // weights or a trace: the HDF5 signature
    unknown,
};

std::string_view to_string(FileKind kind);

// What a file most likely is, from its first bytes and its keys; it need not be valid. A .toml file that cannot be
// parsed passes for a scenario, a .json file for an instance, so that reading it says what is wrong. Throws InputError
// when the file cannot be read.
FileKind identify(std::filesystem::path const& path);

}  // namespace skipstone::config
