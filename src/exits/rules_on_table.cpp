#include "exits/rules_on_table.hpp"

#include <algorithm>

#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone::exits {

namespace {

[[noreturn]] void refuse(NamedTable const& table, std::string const& problem) {
    throw InputError({table.file, 0, ""}, problem);
}

}  // namespace

void require_same_samples(std::vector<NamedTable> const& tables) {
    SKIPSTONE_EXPECT(!tables.empty());
    auto const& first = tables.front();
    for (std::size_t t = 1; t < tables.size(); ++t) {
        auto const& [file, table] = tables[t];
        if (table.network != first.table.network)
            refuse(tables[t], "is of the network " + table.network + ", and " + first.file + " is of " +
                                  first.table.network + "; tables of one search are of one network");
        if (table.weights_sha256 != first.table.weights_sha256)
            refuse(tables[t], "was measured with other weights than " + first.file + "; measure both with the same");
        if (table.samples != first.table.samples || table.labels != first.table.labels)
            refuse(tables[t], "is of other samples than " + first.file + " (" + std::to_string(table.samples) +
                                  " and " + std::to_string(first.table.samples) +
                                  ", or of other labels); measure both on the same data");
        for (std::size_t other = 0; other < t; ++other)
            if (tables[other].table.dropped == table.dropped)
                refuse(tables[t],
                       "has " + dropped_text(table.dropped) + ", as " + tables[other].file + " has; leave one out");
    }
}

std::vector<TableRule> rules_on(NamedTable const& named, ExitRules const& rules) {
    auto const& table = named.table;
    if (!rules.network.empty() && rules.network != table.network)
        refuse(named, "is of the network " + table.network + ", and the rules " + rules.name + " are for " + rules.network);
    if (!rules.weights_sha256.empty() && !table.weights_sha256.empty() && rules.weights_sha256 != table.weights_sha256)
        refuse(named, "was measured with other weights (sha256 " + table.weights_sha256 + ") than the rules " +
                          rules.name + " are for (" + rules.weights_sha256 + ")");
    std::vector<TableRule> on;
    for (auto const& rule : rules.rules) {
        auto const found = std::ranges::find(table.exits, rule.exit);
        if (found == table.exits.end())
            refuse(named, "has no exit \"" + rule.exit + "\", which the rules " + rules.name + " open" +
                              (table.exits.empty() ? "; it has none at all"
                                                   : "; the nearest is \"" + nearest(rule.exit, table.exits) + "\""));
        auto const outcome = static_cast<std::size_t>(found - table.exits.begin());
        if (!on.empty() && outcome <= on.back().outcome)
            refuse(named, "has the exit \"" + rule.exit + "\" before \"" + table.exits[on.back().outcome] +
                              "\", and the rules " + rules.name + " behind it; rules stand in the order of the chain");
        on.push_back({outcome, rule.threshold});
    }
    return on;
}

std::vector<ExitRules::Rule> named_rules(ExitTable const& table, std::vector<TableRule> const& rules) {
    std::vector<ExitRules::Rule> named;
    for (auto const& rule : rules) named.push_back({table.exits[rule.outcome], rule.threshold});
    return named;
}

double accuracy_at_end(ExitTable const& table) {
    return score(table, {}).accuracy;
}

double macs_without_exits(ExitTable const& table) {
    return score(table, {}).mean_macs;
}

std::string dropped_text(std::vector<std::string> const& dropped) {
    std::string text;
    for (auto const& block : dropped) text += (text.empty() ? "" : ", ") + block;
    return (text.empty() ? "nothing" : text) + " dropped";
}

}  // namespace skipstone::exits
