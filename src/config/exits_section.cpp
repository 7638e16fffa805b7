#include "config/exits_section.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "config/exit_rules.hpp"
#include "config/exit_table_file.hpp"
#include "config/file_kind.hpp"
#include "config/profile_tables.hpp"
#include "config/profiles.hpp"
#include "config/toml_reader.hpp"
#include "config/weights_network.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"
#include "units/nearest.hpp"

namespace skipstone::config {

namespace {

using Source = Scenario::ExitsSection::Source;

std::string abbreviated(std::string const& sha256) {
    return sha256.substr(0, 12) + "…";
}

ExitRules read_rules(TableReader& reader) {
    auto const* value = reader.get("rules");
    if (value->type == Value::Type::table) return read_exit_rules(*reader.table("rules"), "inline");
    auto const path = *reader.text("rules");
    std::filesystem::path file;
    try {
        file = find_file(path, value->origin->folder, "file of rules");
    } catch (InputError const& error) {
        reader.fail("rules", error.what());
    }
    return load_exit_rules(std::filesystem::absolute(file).lexically_normal());
}

// What heads are made for: the input and the classes of the file, where the network can have others.
void take_shapes(Scenario::NetworkSection& network) {
    if (!network.profile.family->is_scalable()) return;
    auto const shapes = shapes_in_weights(*network.weights);
    auto const& own = network.profile.input;
    if (shapes.side && own.h == own.w && own.h != *shapes.side && !network.input) network.input = *shapes.side;
    if (shapes.classes && !network.classes) network.classes = *shapes.classes;
}

// The exits that there are.
std::vector<ExitHead> find_exits(TableReader const& reader, ExitRules const& rules, Scenario::NetworkSection& network) {
    auto const fail = [&](std::string const& message) { reader.fail("rules", message); };
    if (network.weights && !rules.weights_sha256.empty())
        if (auto const sha256 = remembered_sha256(*network.weights); sha256 != rules.weights_sha256)
            fail("are for other weights (sha256 " + abbreviated(rules.weights_sha256) + ") than those of " +
                 network.named_weights() + " (" + abbreviated(sha256) +
                 "); make a table and rules of these with \"skipstone exits measure\" and \"search\"");
    auto exits = network.profile.exits;
    if (exits.empty() && network.weights && !rules.rules.empty()) {
        exits = exits_in_weights(*network.weights);
        take_shapes(network);
    }
    if (exits.empty() && !rules.rules.empty())
        fail(network.weights ? "open exits, and " + network.named_weights() +
                                   " has none; \"skipstone exits train\" makes a weights file that has"
                             : "open exits, which the network does not have; give network.weights, a file that "
                               "\"skipstone exits train\" wrote");
    return exits;
}

double share_at_end(std::vector<double> const& leaving, std::size_t rule) {
    double share = 1;
    for (std::size_t r = 0; r < rule; ++r) share -= leaving[r];
    return std::clamp(share, 0.0, 1.0);
}

// What was promised, the network with nothing dropped first.
std::vector<DropOption> promised_options(ExitRules const& rules, Network const& network) {
    if (rules.promised.empty()) return {};
    AccuracyTable table;
    table.name = rules.name;
    table.network = rules.network.empty() ? network.name() : rules.network;
    for (auto const& given : rules.promised)
        table.rows.push_back({.dropped = given.dropped, .accuracy = given.accuracy, .source = ""});
    auto options = drop_options(table, network);
    for (auto& option : options) {
        auto const given = std::ranges::find_if(rules.promised, [&](ExitRules::Promised const& promised) {
            std::vector<BlockId> dropped;
            for (auto const& name : promised.dropped) dropped.push_back(*network.find(name));
            std::ranges::sort(dropped);
            return dropped == option.dropped;
        });
        std::size_t rule = 0;
        for (std::size_t b = 0; b < network.size(); ++b) {
            option.reach.push_back(share_at_end(given->leaving, rule));
            if (rule < network.exits().size() && network.exits()[rule].after == BlockId(b)) ++rule;
        }
    }
    return options;
}

std::string trace_file(TableReader const& reader, Value const& value) {
    try {
        return std::filesystem::absolute(find_file(value.text, value.origin->folder, "trace"))
            .lexically_normal()
            .string();
    } catch (InputError const&) {
        reader.fail("verdicts",
                    "is \"" + value.text + "\"; write \"kernels\", \"table\", or the file of an earlier run's trace");
    }
}

std::vector<std::string> read_table_files(TableReader& reader, ExitRules const& rules) {
    auto const* value = reader.get("table");
    if (!value) return rules.tables;
    auto const named = value->type == Value::Type::text ? std::vector{value->text} : *reader.texts("table");
    if (named.size() != rules.promised.size())
        reader.fail("table", "has " + std::to_string(named.size()) + " files, and the rules promise something for " +
                                 std::to_string(rules.promised.size()) +
                                 " choices of dropped blocks; there is one table for each");
    std::vector<std::string> files;
    for (auto const& name : named) try {
            files.push_back(std::filesystem::absolute(find_file(name, value->origin->folder, "exit table"))
                                .lexically_normal()
                                .string());
        } catch (InputError const& error) {
            reader.fail("table", error.what());
        }
    return files;
}

// The table of the exits that the rules open, called as the network's blocks.
ExitTable fitted(ExitTable const& table, std::string const& file, ExitRules const& rules, Network const& network) {
    auto const fail = [&](std::string const& message) { throw InputError({file, 0, ""}, message); };
    if (!rules.network.empty() && table.network != rules.network)
        fail("is a table of " + table.network + ", and the rules are for " + rules.network);
    if (!rules.weights_sha256.empty() && table.weights_sha256 != rules.weights_sha256)
        fail("was measured with other weights (sha256 " + abbreviated(table.weights_sha256) +
             ") than the rules are for (" + abbreviated(rules.weights_sha256) + ")");
    std::vector<std::size_t> outcomes;
    for (auto const& rule : rules.rules) {
        auto const found = std::ranges::find(table.exits, rule.exit);
        if (found == table.exits.end())
            fail("has no exit behind block \"" + rule.exit + "\", which the rules " + rules.name + " open" +
                 (table.exits.empty() ? "" : "; the nearest is \"" + nearest(rule.exit, table.exits) + "\""));
        outcomes.push_back(static_cast<std::size_t>(found - table.exits.begin()));
        if (outcomes.size() > 1 && outcomes.back() <= outcomes[outcomes.size() - 2])
            fail("has its exits in another order than the rules " + rules.name);
    }
    if (table.samples == 0) fail("has no samples");
    auto few = narrowed(table, outcomes);
    for (std::size_t e = 0; e < few.exits.size(); ++e) few.exits[e] = network.block(network.exits()[e].after).name;
    return few;
}

std::string braced(std::vector<std::string> const& names) {
    std::string text;
    for (auto const& name : names) text += (text.empty() ? "" : ", ") + name;
    return "{" + text + "}";
}

}  // namespace

std::optional<ExitRules> open_exits(TableReader& reader, Scenario::NetworkSection& network) {
    if (!reader.get("rules")) {
        for (auto const* const key : {"verdicts", "table", "reserve"})
            if (reader.get(key)) reader.fail(key, "has no effect without exits.rules, which opens exits; leave it out");
        network.profile.exits.clear();
        return std::nullopt;
    }
    auto rules = read_rules(reader);
    auto const fail = [&](std::string const& message) { reader.fail("rules", rules.name + ": " + message); };
    if (!rules.network.empty() && rules.network != network.profile.name)
        fail("are for " + rules.network + ", the network here is " + network.profile.name);
    auto exits = find_exits(reader, rules, network);
    std::vector<ExitHead> open;
    std::size_t next = 0;
    for (auto const& rule : rules.rules) {
        auto const found = std::ranges::find(exits, rule.exit, &ExitHead::after);
        if (found == exits.end()) {
            std::vector<std::string> names;
            for (auto const& exit : exits) names.push_back(exit.after);
            fail("there is no exit behind block \"" + rule.exit + "\"; the nearest is \"" + nearest(rule.exit, names) +
                 "\"");
        }
        auto const place = static_cast<std::size_t>(found - exits.begin());
        if (place < next) fail("the rule for \"" + rule.exit + "\" is out of order; rules stand in the chain's order");
        next = place + 1;
        open.push_back(*found);
    }
    network.profile.exits = std::move(open);
    return rules;
}

Scenario::ExitsSection read_exits_section(TableReader reader, std::optional<ExitRules> rules, Network const& network,
                                          Scenario::EmulationSection const& emulation) {
    Scenario::ExitsSection section;
    if (!rules) {
        reader.finish();
        return section;
    }
    section.given = *std::move(rules);
    for (std::size_t r = 0; r < section.given.rules.size(); ++r)
        section.rules.push_back({ExitId(r), section.given.rules[r].threshold});
    try {
        section.promised = promised_options(section.given, network);
    } catch (InputError const& error) {
        reader.fail("rules", error.what());
    }
    section.verdicts = emulation.kernels ? Source::kernels : Source::table;
    if (auto const* value = reader.get("verdicts")) {
        auto const word = *reader.text("verdicts");
        section.verdicts = word == "kernels" ? Source::kernels : word == "table" ? Source::table : Source::trace;
        if (section.verdicts == Source::kernels && !emulation.kernels)
            reader.fail("verdicts",
                        "\"kernels\" does not go with emulation.kernels = false, where nothing is computed; write "
                        "\"table\", or leave it out");
        if (section.verdicts == Source::trace) section.trace = trace_file(reader, *value);
    }
    if (reader.has("table") && section.verdicts != Source::table)
        reader.fail("table", "has no effect but with verdicts = \"table\"; leave it out");
    if (section.verdicts == Source::table) {
        if (section.promised.empty() && !section.rules.empty())
            reader.fail("verdicts",
                        "\"table\" needs rules that say what they promise, as \"skipstone exits search\" "
                        "writes them; \"kernels\" does not");
        section.table_files = read_table_files(reader, section.given);
        if (section.table_files.size() != section.promised.size() && !section.rules.empty())
            reader.fail("verdicts",
                        "\"table\" needs a table of what the exits say for each choice of dropped blocks that "
                        "the rules promise something for; name " +
                            std::to_string(section.promised.size()) + " as exits.table");
    }
    section.reserve_expected =
        reader.choice<bool>("reserve", {{"worst", false}, {"expected", true}}).value_or(section.reserve_expected);
    reader.finish();
    return section;
}

Scenario with_exit_tables(Scenario scenario) {
    auto& exits = scenario.exits;
    exits.tables.clear();
    if (exits.rules.empty() || exits.verdicts != Source::table) return scenario;
    Network const network(scenario.network.wanted_profile());
    exits.tables.resize(exits.promised.size());
    for (auto const& file : exits.table_files) {
        auto const table = read_as(FileKind::exit_table, file, [&] { return read_exit_table(file); });
        std::vector<BlockId> dropped;
        for (auto const& name : table.dropped)
            if (auto const block = network.find(name)) dropped.push_back(*block);
        std::ranges::sort(dropped);
        auto const option = std::ranges::find(exits.promised, dropped, &DropOption::dropped);
        if (dropped.size() != table.dropped.size() || option == exits.promised.end())
            throw InputError({file, 0, ""}, "was measured with the blocks " + braced(table.dropped) +
                                                " dropped, for which the rules " + exits.given.name +
                                                " promise nothing");
        auto& place = exits.tables[static_cast<std::size_t>(option - exits.promised.begin())];
        if (place)
            throw InputError({file, 0, ""}, "was measured with the blocks " + braced(table.dropped) +
                                                " dropped, as another one of exits.table was");
        place = std::make_shared<ExitTable const>(fitted(table, file, exits.given, network));
    }
    return scenario;
}

std::string exits_section_text(Scenario::ExitsSection const& exits) {
    if (exits.promised.empty()) return "";
    auto const line = [](std::string_view key, std::string const& value) {
        return std::string(key) + " = " + value + "\n";
    };
    auto text = "\n[exits]\n" + line("verdicts", toml_string(exits.verdicts == Source::kernels ? "kernels"
                                                             : exits.verdicts == Source::table ? "table"
                                                                                               : exits.trace));
    if (exits.verdicts == Source::table) text += line("table", string_list(exits.table_files));
    return text + line("reserve", toml_string(exits.reserve_expected ? "expected" : "worst")) + "[exits.rules]\n" +
           exit_rules_text(exits.given, "exits.rules.");
}

}  // namespace skipstone::config
