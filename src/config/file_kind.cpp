#include "config/file_kind.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/json_reader.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"

namespace skipstone::config {

namespace {

// The signature stands at byte 0, or after a user block at 512, 1024, 2048, … (HDF5 file format specification, section
// II.A).
bool has_hdf5_signature(std::filesystem::path const& path) {
    static constexpr std::array<char, 8> signature{'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
    std::ifstream file(path, std::ios::binary);
    for (std::int64_t offset = 0; offset <= (std::int64_t{1} << 20); offset = offset == 0 ? 512 : 2 * offset) {
        std::array<char, 8> bytes{};
        file.seekg(offset);
        if (!file.read(bytes.data(), bytes.size())) return false;
        if (bytes == signature) return true;
    }
    return false;
}

std::string text_of(Value const& table, std::string_view key) {
    Value const* value = table.find(key);
    return value && value->type == Value::Type::text ? value->text : "";
}

FileKind kind_of(Value const& table) {
    using Words = std::vector<std::string_view>;
    static const std::array<std::pair<FileKind, Words>, 7> kinds{
        {{FileKind::scenario,
          {"seed", "network", "accuracy", "fleet", "links", "requests", "rounds", "objective", "planner", "faults",
           "emulation"}},
         {FileKind::network_profile,
          {"stages", "width", "expansion", "block", "shortcut", "stem", "variant", "input", "classes"}},
         {FileKind::device_profile, {"mac_rate", "memory", "macs_per_round", "battery", "power", "compute_seconds"}},
         {FileKind::link_profile,
          {"model", "min", "max", "rate", "symmetric", "redraw", "latency", "jitter", "loss", "efficiency", "medium"}},
         {FileKind::fault_profile, {"survival", "devices", "links", "detection", "remedies"}},
         {FileKind::accuracy_table, {"format", "version", "dataset", "samples", "row"}},
         {FileKind::sweep,
          {"format", "version", "scenario", "name", "repetitions", "seeds", "set", "grid", "list", "point"}}}};
    if (text_of(table, "format") == "skipstone-accuracy") return FileKind::accuracy_table;
    if (text_of(table, "format") == "skipstone-calibration") return FileKind::calibration;
    if (text_of(table, "format") == "skipstone-sweep") return FileKind::sweep;
    FileKind best = FileKind::unknown;
    std::ptrdiff_t most = 0;
    for (auto const& [kind, words] : kinds) {
        auto const found =
            std::ranges::count_if(words, [&](std::string_view word) { return table.find(word) != nullptr; });
        if (found > most) {
            most = found;
            best = kind;
        }
    }
    return best;
}

}  // namespace

std::string_view to_string(FileKind kind) {
    switch (kind) {
        case FileKind::scenario:
            return "scenario";
        case FileKind::network_profile:
            return "network profile";
        case FileKind::device_profile:
            return "device profile";
        case FileKind::link_profile:
            return "link profile";
        case FileKind::fault_profile:
            return "fault profile";
        case FileKind::accuracy_table:
            return "accuracy table";
        case FileKind::calibration:
            return "calibration";
        case FileKind::sweep:
            return "sweep";
        case FileKind::instance:
            return "instance";
        case FileKind::hdf5:
            return "HDF5 file";
        case FileKind::unknown:
            return "unknown";
    }
    return "?";
}

FileKind identify(std::filesystem::path const& path) {
    if (has_hdf5_signature(path)) return FileKind::hdf5;
    std::string const text = read_text_file(path);
    auto const origin = std::make_shared<Origin const>(Origin{path.string(), path.parent_path()});
    bool const json = path.extension() == ".json";
    if (auto const first = text.find_first_not_of(" \t\r\n");
        json || (first != std::string::npos && text[first] == '{')) {
        try {
            Value const value = parse_json(text, origin);
            if (text_of(value, "format") == "skipstone-instance" || value.find("blocks")) return FileKind::instance;
            return FileKind::unknown;
        } catch (InputError const&) {
            return json ? FileKind::instance : FileKind::unknown;
        }
    }
    try {
        return kind_of(parse_toml(text, origin));
    } catch (InputError const&) {
        return path.extension() == ".toml" ? FileKind::scenario : FileKind::unknown;
    }
}

}  // namespace skipstone::config
