#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "units/error.hpp"

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
    powers,        // TOML with a table [powers]
    link_table,    // CSV
    instance,      // JSON, "format": "skipstone-instance"
    exit_rules,    // TOML that `exits search` writes
    plans,         // JSON that `plan --json` prints
    study,         // JSON beside an accuracy table
    host_profile,  // JSON that `bench` writes
    journal,       // of an unfinished study
    trace,         // HDF5
    weights,       // HDF5
    data_set,      // HDF5 with `inputs`
    outputs,       // HDF5 that `infer` writes
    exit_table,    // HDF5 that `exits measure` writes
    sweep_table,   // HDF5 or CSV that `sweep collect` writes
    hdf5,          // any other
    picture,       // PNG or JPEG
    cifar_batch,   // .bin, .bin.xz
    pytorch,       // a zip archive or a pickle
    safetensors,
    onnx,
    page,  // HTML
    archive,
    folder,
    empty,
    unknown,
};

// "scenario", "accuracy table", …
std::string_view to_string(FileKind kind);
// "is a sweep (`skipstone sweep run sweep.toml` takes it)"
std::string kind_text(FileKind kind, std::filesystem::path const& path);

// What a file most likely is, from its first bytes and its keys; it need not be valid. A .toml file that cannot be
// parsed passes for a scenario, a .json file for an instance, so that reading it says what is wrong. Throws InputError
// when the file cannot be read.
FileKind identify(std::filesystem::path const& path);

// Throws InputError when there is a file at the path that is surely of another kind than the wanted one, saying which
// and what takes it.
void refuse_other_kind(FileKind wanted, std::filesystem::path const& path);

// read(), which reads the file at the path; when it throws InputError, refuse_other_kind() comes first: "unknown key"
// says little about a file of another kind.
template <class Read>
auto read_as(FileKind wanted, std::filesystem::path const& path, Read const& read) {
    try {
        return read();
    } catch (InputError const&) {
        refuse_other_kind(wanted, path);
        throw;
    }
}

}  // namespace skipstone::config
