#include "config/file_kind.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/json_reader.hpp"
#include "config/toml_reader.hpp"
#include "hdf5/file.hpp"

namespace skipstone::config {

namespace {

namespace fs = std::filesystem;

struct Description {
    FileKind kind;
    std::string_view noun;
    std::string_view taken_by;  // FILE stands for it
};

constexpr std::array descriptions{
    Description{FileKind::scenario, "scenario", "`skipstone run FILE` takes it"},
    Description{FileKind::network_profile, "network profile",
                "a scenario takes it as network.profile, and `skipstone bench --network FILE`"},
    Description{FileKind::device_profile, "device profile",
                "a scenario takes it in fleet.devices, {profile = \"FILE\"}"},
    Description{FileKind::link_profile, "link profile", "a scenario takes it as links.profile"},
    Description{FileKind::fault_profile, "fault profile", "a scenario takes it as faults.profile"},
    Description{FileKind::accuracy_table, "accuracy table",
                "a scenario takes it as accuracy.table, and `skipstone study --drops FILE`"},
    Description{FileKind::calibration, "calibration",
                "a scenario takes it as network.calibration, and `skipstone study --calibration FILE`"},
    Description{FileKind::sweep, "sweep", "`skipstone sweep run FILE` takes it"},
    Description{FileKind::powers, "table of powers", "`skipstone analyze TRACE --power FILE` takes it"},
    Description{FileKind::link_table, "table of links", "a scenario takes it as links.file"},
    Description{FileKind::exit_rules, "file of rules for exits",
                "a scenario takes it as exits.rules, and `skipstone exits score TABLE --rules FILE`"},
    Description{FileKind::instance, "instance", "`skipstone plan --instance FILE` takes it"},
    Description{FileKind::plans, "plan, as `skipstone plan --json` prints it", ""},
    Description{FileKind::study, "study's JSON", "`analysis/plot_study.py FILE` takes it"},
    Description{FileKind::host_profile, "host profile", "`analysis/plot_bench.py FILE` takes it"},
    Description{FileKind::journal, "journal of an unfinished study", "the same `skipstone study` call goes on with it"},
    Description{FileKind::trace, "trace", "`skipstone analyze FILE` takes it, and watch, export and check"},
    Description{FileKind::weights, "weights file", "`skipstone run SCENARIO --weights FILE` takes it, and study"},
    Description{FileKind::data_set, "data set",
                "`skipstone infer --data FILE` takes it, study, calibrate, and `skipstone run SCENARIO --images FILE`"},
    Description{FileKind::outputs, "file of outputs that `skipstone infer` wrote", ""},
    Description{FileKind::exit_table, "table of what exits say",
                "`skipstone exits search FILE` takes it, and `skipstone exits score FILE`"},
    Description{FileKind::sweep_table, "table that `skipstone sweep collect` wrote", ""},
    Description{FileKind::hdf5, "HDF5 file", ""},
    Description{FileKind::picture, "picture", "`skipstone run SCENARIO --images FILE` takes it"},
    Description{FileKind::cifar_batch, "CIFAR-10 batch",
                "`skipstone run SCENARIO --images FILE` takes it, and `skipstone study --data FILE`"},
    Description{FileKind::pytorch, "file of PyTorch",
                "`analysis/convert_weights.py FILE WEIGHTS.h5` makes a weights file of it"},
    Description{FileKind::safetensors, "safetensors file",
                "`analysis/convert_weights.py FILE WEIGHTS.h5` makes a weights file of it"},
    Description{FileKind::onnx, "model in ONNX",
                "`skipstone import FILE -o WEIGHTS.h5` makes a weights file of it, and it is taken where those are"},
    Description{FileKind::page, "page for a browser", ""},
    Description{FileKind::archive, "compressed file", ""},
    Description{FileKind::folder, "folder", ""},
    Description{FileKind::empty, "empty file", ""},
    Description{FileKind::unknown, "file of an unknown kind", ""},
};

Description const& description(FileKind kind) {
    return *std::ranges::find(descriptions, kind, &Description::kind);
}

std::string text_of(Value const& table, std::string_view key) {
    Value const* value = table.find(key);
    return value && value->type == Value::Type::text ? value->text : "";
}

using Words = std::vector<std::string_view>;

std::vector<std::pair<FileKind, Words>> const& words_of_kinds() {
    static const std::vector<std::pair<FileKind, Words>> kinds{
        {FileKind::scenario,
         {"seed", "network", "accuracy", "fleet", "links", "requests", "rounds", "objective", "planner",
          "collaboration", "exits", "faults", "emulation"}},
        {FileKind::network_profile,
         {"family", "input", "channels", "classes", "stages", "width", "expansion", "block", "shortcut", "stem",
          "variant", "year", "depth", "batch_norm", "hidden", "middle", "layer", "graph", "exits"}},
        {FileKind::device_profile, {"mac_rate", "memory", "macs_per_round", "battery", "power", "compute_seconds"}},
        {FileKind::link_profile,
         {"model", "min", "max", "rate", "symmetric", "redraw", "latency", "jitter", "loss", "efficiency", "medium"}},
        {FileKind::fault_profile, {"survival", "devices", "links", "detection", "remedies"}},
        {FileKind::accuracy_table, {"format", "version", "dataset", "samples", "row"}},
        {FileKind::sweep,
         {"format", "version", "scenario", "repetitions", "seeds", "set", "grid", "list", "point"}},
        {FileKind::powers, {"powers"}}};
    return kinds;
}

std::ptrdiff_t keys_of(FileKind kind, Value const& table) {
    for (auto const& [known, words] : words_of_kinds())
        if (known == kind)
            return std::ranges::count_if(words, [&](std::string_view word) { return table.find(word) != nullptr; });
    return 0;
}

FileKind kind_of(Value const& table) {
    if (text_of(table, "format") == "skipstone-accuracy") return FileKind::accuracy_table;
    if (text_of(table, "format") == "skipstone-calibration") return FileKind::calibration;
    if (text_of(table, "format") == "skipstone-sweep") return FileKind::sweep;
    if (text_of(table, "format") == "skipstone-exit-rules") return FileKind::exit_rules;
    FileKind best = FileKind::unknown;
    std::ptrdiff_t most = 0;
    for (auto const& [kind, words] : words_of_kinds())
        if (auto const found = keys_of(kind, table); found > most) {
            most = found;
            best = kind;
        }
    return best;
}

FileKind kind_of_json(Value const& value) {
    auto const format = text_of(value, "format");
    if (format == "skipstone-instance") return FileKind::instance;
    if (format == "skipstone-study") return FileKind::study;
    if (format == "skipstone-host-profile") return FileKind::host_profile;
    auto const& first = value.type == Value::Type::list && !value.items.empty() ? value.items.front() : value;
    if (first.find("planner") && first.find("status") && first.find("admitted")) return FileKind::plans;
    return value.find("blocks") ? FileKind::instance : FileKind::unknown;
}

FileKind kind_of_hdf5(fs::path const& path) try {
    auto const file = hdf5::File::open(path.string(), hdf5::Access::read_swmr);
    if (file.has_attribute("format")) {
        auto const format = file.read_string("format");
        return format == "skipstone-trace"         ? FileKind::trace
               : format == "skipstone-sweep-table" ? FileKind::sweep_table
               : format == "skipstone-outputs"     ? FileKind::outputs
               : format == "skipstone-exit-table"  ? FileKind::exit_table
                                                   : FileKind::hdf5;
    }
    if (file.has_attribute("network") && file.has_attribute("input_mean")) return FileKind::weights;
    return file.has_dataset("inputs") ? FileKind::data_set : FileKind::hdf5;
} catch (std::exception const&) {  // damaged, or of a form that cannot be opened so
    return FileKind::hdf5;
}

// By the first bytes; nothing where they could be those of a text.
std::optional<FileKind> kind_of_bytes(std::string_view head, fs::path const& path) {
    auto const name = path.filename().string();
    if (name.ends_with(".bin") || name.ends_with(".bin.xz")) return FileKind::cifar_batch;
    if (head.starts_with("\x89PNG") || head.starts_with("\xff\xd8\xff")) return FileKind::picture;
    if (head.starts_with("skipstone-study-journal")) return FileKind::journal;
    if (head.starts_with("PK\x03\x04")) return name.ends_with(".npz") ? FileKind::archive : FileKind::pytorch;
    if (head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) return FileKind::pytorch;  // a pickle
    if (head.size() > 8 && head[8] == '{' && head.find('\0') < 8) return FileKind::safetensors;
    if (name.ends_with(".onnx")) return FileKind::onnx;
    if (head.starts_with("\x1f\x8b") || head.starts_with("\xfd" "7zXZ") || head.starts_with("BZh"))
        return FileKind::archive;
    if (head.starts_with("<!DOCTYPE html") || head.starts_with("<!doctype html")) return FileKind::page;
    return std::nullopt;
}

// The head of a table of links names both ends, in any order.
bool is_head_of_links(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    while (text.starts_with('#') || text.starts_with('\r') || text.starts_with('\n'))
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    auto head = text.substr(0, text.find_first_of("\r\n"));
    bool from = false, to = false;
    while (!head.empty()) {
        auto cell = head.substr(0, head.find(','));
        head.remove_prefix(std::min(cell.size() + 1, head.size()));
        auto const first = cell.find_first_not_of(" \t\"");
        if (first == std::string_view::npos) continue;
        cell = cell.substr(first, cell.find_last_not_of(" \t\"") + 1 - first);
        from |= cell == "from";
        to |= cell == "to";
    }
    return from && to;
}

// What a file is, and whether it surely is not of the wanted kind, if it is another.
struct Found {
    FileKind kind = FileKind::unknown;
    bool sure = true;
};

Found find_in_text(std::string const& text, fs::path const& path, FileKind wanted) {
    auto const origin = std::make_shared<Origin const>(Origin{path.string(), path.parent_path()});
    bool const json = path.extension() == ".json";
    auto const first = text.find_first_not_of(" \t\r\n", text.starts_with("\xef\xbb\xbf") ? 3 : 0);
    if (first == std::string::npos) return {json ? FileKind::instance : FileKind::empty};
    if (json || text[first] == '{' || text.compare(first, 2, "[{") == 0 || text.compare(first, 2, "[\n") == 0) {
        try {
            return {kind_of_json(parse_json(text, origin))};
        } catch (InputError const&) {
            return {json ? FileKind::instance : FileKind::unknown, false};
        }
    }
    if (text.starts_with("index,id,name,seed")) return {FileKind::sweep_table};
    if (is_head_of_links(text)) return {FileKind::link_table};
    try {
        auto const table = parse_toml(text, origin);
        auto const kind = kind_of(table);
        return {kind, table.find("format") != nullptr || keys_of(kind, table) > keys_of(wanted, table)};
    } catch (InputError const&) {
        return {path.extension() == ".toml" ? FileKind::scenario : FileKind::unknown, false};
    }
}

Found find(fs::path const& path, FileKind wanted) {
    std::error_code error;
    if (hdf5::has_signature(path.string())) return {kind_of_hdf5(path)};
    constexpr std::size_t head_size = 64;
    if (fs::is_regular_file(path, error)) {  // of any size
        std::string head(head_size, '\0');
        std::ifstream file(path, std::ios::binary);
        file.read(head.data(), static_cast<std::streamsize>(head.size()));
        head.resize(static_cast<std::size_t>(file.gcount()));
        if (auto const kind = kind_of_bytes(head, path)) return {*kind};
    }
    auto const text = read_text_file(path, Reads::own);
    if (text.starts_with("\x89HDF"))
        throw InputError({path.string(), 0, ""},
                         "is an HDF5 file that comes through a pipe; write it to a file first, it is read at many places");
    if (auto const kind = kind_of_bytes(std::string_view(text).substr(0, head_size), path)) return {*kind};
    return find_in_text(text, path, wanted);
}

std::string with_article(std::string_view noun) {
    bool const vowel = std::string_view("aeiouAEIO").find(noun.front()) != std::string_view::npos;
    return (vowel ? "an " : "a ") + std::string(noun);
}

}  // namespace

std::string_view to_string(FileKind kind) {
    return description(kind).noun;
}

FileKind identify(fs::path const& path) {
    return find(path, FileKind::unknown).kind;
}

std::string kind_text(FileKind kind, fs::path const& path) {
    auto takers = std::string(description(kind).taken_by);
    for (auto at = takers.find("FILE"); at != std::string::npos; at = takers.find("FILE", at + path.string().size()))
        takers.replace(at, 4, path.string());
    return "is " + with_article(to_string(kind)) + (takers.empty() ? "" : " (" + takers + ")");
}

void refuse_other_kind(FileKind wanted, fs::path const& path) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return;
    Found found;
    if (fs::is_directory(path, ignored))
        found.kind = FileKind::folder;
    else
        try {
            found = find(path, wanted);
        } catch (InputError const&) {
            return;  // whoever reads it says so
        }
    if (wanted == FileKind::onnx && found.kind == FileKind::empty) return;
    bool const hdf5_wanted = wanted == FileKind::trace || wanted == FileKind::weights || wanted == FileKind::data_set ||
                             wanted == FileKind::exit_table;
    bool const images_wanted = wanted == FileKind::picture;
    if (found.kind == wanted || found.kind == FileKind::unknown || !found.sure) return;
    bool const told = hdf5_wanted || images_wanted || wanted == FileKind::link_table;  // by whoever reads it
    if (told && found.kind == FileKind::empty) return;
    if (hdf5_wanted && found.kind == FileKind::hdf5) return;  // it may be the wanted one, damaged
    if (images_wanted && (found.kind == FileKind::folder || found.kind == FileKind::cifar_batch)) return;
    throw InputError({path.string(), 0, ""},
                     kind_text(found.kind, path) + "; here " + with_article(to_string(wanted)) + " is needed");
}

}  // namespace skipstone::config
