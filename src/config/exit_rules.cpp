#include "config/exit_rules.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "config/file_kind.hpp"
#include "config/profile_tables.hpp"
#include "config/toml_reader.hpp"
#include "config/units_text.hpp"

namespace skipstone::config {

namespace fs = std::filesystem;

namespace {

// Names of blocks, each once.
std::vector<std::string> read_blocks(TableReader& reader, std::string_view key, std::string_view meaning) {
    auto names = reader.required(key, reader.texts(key), meaning);
    std::set<std::string_view> taken;
    for (auto const& name : names)
        if (!taken.insert(name).second) reader.fail(key, "lists \"" + name + "\" twice");
    return names;
}

std::vector<ExitRules::Rule> read_rules(TableReader& reader) {
    std::vector<ExitRules::Rule> rules;
    std::set<std::string> taken;
    for (auto& entry : reader.required("rules", reader.tables("rules"),
                                       "the exits that are open, such as [{exit = \"s3b2\", threshold = 0.9}]")) {
        ExitRules::Rule rule;
        rule.exit = entry.required("exit", entry.text("exit"), "the block behind which the exit is");
        rule.threshold = entry.required("threshold", entry.number("threshold", {0, 1}),
                                        "the confidence that a request leaves with, 0 to 1");
        entry.finish();
        if (!taken.insert(rule.exit).second)
            entry.fail("exit", "there is a rule for the exit behind \"" + rule.exit + "\" already");
        rules.push_back(std::move(rule));
    }
    return rules;
}

std::vector<double> read_shares(TableReader& reader, std::size_t count) {
    auto const fail = [&](std::string const& message) { reader.fail("leaving", message); };
    Value const* list = reader.get("leaving");
    if (!list || list->type != Value::Type::list || list->items.size() != count)
        fail("must be a list of " + std::to_string(count) + " shares, one for each rule and one for the end");
    std::vector<double> shares;
    for (auto const& item : list->items) shares.push_back(number_of(item, reader.path_of("leaving"), {0, 1}));
    auto const sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    if (std::abs(sum - 1) > 1e-6) fail("has shares of " + number_text(sum) + " together; all requests are 1");
    return shares;
}

std::vector<ExitRules::Promised> read_promised(TableReader& reader, ExitRules const& rules) {
    auto entries = reader.tables("promised").value_or(std::vector<TableReader>());
    if (entries.empty() && rules.tables.empty()) return {};
    if (!rules.tables.empty() && entries.size() != rules.tables.size())
        reader.fail("promised", "has " + std::to_string(entries.size()) + " entries, and `tables` " +
                                    std::to_string(rules.tables.size()) + "; there is one for each");
    std::vector<ExitRules::Promised> promised;
    std::set<std::set<std::string>> taken;
    for (auto& entry : entries) {
        ExitRules::Promised given;
        given.dropped = read_blocks(entry, "dropped", "the blocks that were dropped, [] if none was");
        given.accuracy =
            entry.required("accuracy", entry.number("accuracy", {0, 1}), "the share of right answers, 0 to 1");
        given.mean_macs = entry.required("mean_macs", entry.number("mean_macs", not_negative), "MACs of a request");
        given.leaving = read_shares(entry, rules.rules.size() + 1);
        entry.finish();
        if (!taken.insert({given.dropped.begin(), given.dropped.end()}).second)
            entry.fail("dropped", "these blocks stand there already");
        promised.push_back(std::move(given));
    }
    if (!taken.contains({}))
        reader.fail("promised", "has no entry with dropped = [], what the rules give when no block is dropped");
    return promised;
}

std::vector<ExitRules::Mapped> read_mapping(TableReader& reader) {
    std::vector<ExitRules::Mapped> mapping;
    std::set<std::string> taken;
    for (auto& entry : reader.tables("mapping").value_or(std::vector<TableReader>())) {
        ExitRules::Mapped mapped;
        mapped.device = entry.required("device", entry.text("device"), "the name of a device");
        mapped.blocks = read_blocks(entry, "blocks", "the blocks that it runs");
        entry.finish();
        for (auto const& block : mapped.blocks)
            if (!taken.insert(block).second) entry.fail("blocks", "\"" + block + "\" is mapped twice");
        mapping.push_back(std::move(mapped));
    }
    return mapping;
}

// A file that need not be there.
std::string absolute(std::string const& path, fs::path const& folder) {
    std::error_code ignored;
    auto const beside = folder / path;
    return fs::absolute(fs::exists(beside, ignored) || !fs::exists(path, ignored) ? beside : fs::path(path))
        .lexically_normal()
        .string();
}

}  // namespace

ExitRules load_exit_rules(fs::path const& path) {
    return read_as(FileKind::exit_rules, path, [&] {
        auto const table = read_toml_file(path);
        return read_exit_rules(TableReader(table, ""), path.string());
    });
}

ExitRules read_exit_rules(TableReader reader, std::string const& name) {
    if (auto const format = reader.text("format"); format && *format != exit_rules_format)
        reader.fail("format", "is \"" + *format + "\"; rules of exits have \"" + std::string(exit_rules_format) + "\"");
    if (auto const version = reader.integer("version", 0, std::numeric_limits<std::int64_t>::max());
        version && *version != exit_rules_version)
        reader.fail("version", "is " + std::to_string(*version) + "; this program reads version " +
                                   std::to_string(exit_rules_version));
    ExitRules rules;
    rules.name = reader.text("name").value_or("");
    if (rules.name.empty()) rules.name = name;
    rules.network = reader.text("network").value_or("");
    rules.weights_sha256 = reader.text("weights_sha256").value_or("");
    rules.tables = reader.texts("tables").value_or(std::vector<std::string>());
    for (auto& table : rules.tables) table = absolute(table, reader.value().origin->folder);
    rules.rules = read_rules(reader);
    rules.promised = read_promised(reader, rules);
    rules.mapping = read_mapping(reader);
    reader.finish();
    return rules;
}

std::string exit_rules_text(ExitRules const& rules, std::string_view path) {
    auto const line = [](std::string_view key, std::string const& value) {
        return std::string(key) + " = " + value + "\n";
    };
    auto const head = [&](std::string_view key) { return "\n[[" + std::string(path) + std::string(key) + "]]\n"; };
    auto text = line("format", toml_string(exit_rules_format)) + line("version", std::to_string(exit_rules_version)) +
                (path.empty() ? "" : line("name", toml_string(rules.name))) +
                line("network", toml_string(rules.network)) +
                line("weights_sha256", toml_string(rules.weights_sha256)) + line("tables", string_list(rules.tables));
    if (rules.rules.empty()) text += line("rules", "[]");
    for (auto const& rule : rules.rules)
        text += head("rules") + line("exit", toml_string(rule.exit)) + line("threshold", number_text(rule.threshold));
    for (auto const& given : rules.promised) {
        std::string shares;
        for (double const share : given.leaving) shares += (shares.empty() ? "" : ", ") + number_text(share);
        text += head("promised") + line("dropped", string_list(given.dropped)) +
                line("accuracy", number_text(given.accuracy)) + line("mean_macs", number_text(given.mean_macs)) +
                line("leaving", "[" + shares + "]");
    }
    for (auto const& mapped : rules.mapping)
        text +=
            head("mapping") + line("device", toml_string(mapped.device)) + line("blocks", string_list(mapped.blocks));
    return text;
}

}  // namespace skipstone::config
