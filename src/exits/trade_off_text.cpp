#include "exits/trade_off_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace skipstone::exits {

namespace {

using Json = nlohmann::ordered_json;

std::vector<ExitRules::Mapped> mapped(SearchReport const& report, Point const& point) {
    std::vector<ExitRules::Mapped> runs;
    if (!point.mapping) return runs;
    auto const& devices = (*report.tables)[point.table].mappings[*point.mapping].devices;
    DeviceId last;
    for (std::size_t block = 0; block < devices.size(); ++block) {
        if (!devices[block]) continue;
        if (runs.empty() || devices[block] != last) runs.push_back({report.devices[devices[block].index()], {}});
        last = devices[block];
        runs.back().blocks.push_back(report.blocks[block]);
    }
    return runs;
}

Json json_of(SearchReport const& report, Point const& point) {
    auto const& table = (*report.tables)[point.table].named->table;
    Json json{{"table", point.table}, {"accuracy", point.accuracy}, {"mean_macs", point.mean_macs}};
    if (point.mapping) {
        json["mean_latency_s"] = *point.mean_latency;
        json["mean_energy_j"] = *point.mean_energy;
        json["worst_latency_s"] = *point.worst_latency;
    }
    json["rules"] = Json::array();
    for (auto const& rule : named_rules(table, point.rules))
        json["rules"].push_back({{"exit", rule.exit}, {"threshold", rule.threshold}});
    json["leaving"] = point.leaving;
    if (point.mapping) {
        json["mapping"] = Json::array();
        for (auto const& run : mapped(report, point))
            json["mapping"].push_back({{"device", run.device}, {"blocks", run.blocks}});
    }
    return json;
}

Json json_of(SearchReport const& report, Front const& front) {
    auto points = Json::array();
    for (auto const& point : front) points.push_back(json_of(report, point));
    return points;
}

}  // namespace

std::string trade_off_json(SearchReport const& report) {
    auto const& first = report.tables->front().named->table;
    Json json{{"format", "skipstone-trade-off"},
              {"version", 1},
              {"network", first.network},
              {"dataset", first.dataset},
              {"weights_sha256", first.weights_sha256},
              {"samples", first.samples},
              {"whole", {{"accuracy", report.whole_accuracy}, {"macs", report.whole_macs}}}};
    json["tables"] = Json::array();
    for (std::size_t t = 0; t < report.tables->size(); ++t) {
        auto const& [file, table] = *(*report.tables)[t].named;
        auto const& grid = report.trade_off->grids[t];
        std::size_t thresholds = 0;
        for (auto const& exit : grid.thresholds) thresholds = std::max(thresholds, exit.size());
        json["tables"].push_back({{"file", file},
                                  {"dropped", table.dropped},
                                  {"accuracy", accuracy_at_end(table)},
                                  {"macs", macs_without_exits(table)},
                                  {"grid", {{"most_exits", grid.most_exits}, {"thresholds", thresholds}}}});
    }
    json["rule_sets"] = report.trade_off->rule_sets;
    json["fronts"] = Json::array();
    for (auto const& fronts : report.trade_off->fronts)
        json["fronts"].push_back({{"cost", to_string(fronts.cost)},
                                  {"grid", json_of(report, fronts.grid)},
                                  {"found", json_of(report, fronts.found)},
                                  {"one_threshold", json_of(report, fronts.one_threshold)}});
    json["chosen"] = report.chosen ? json_of(report, *report.chosen) : Json();
    json["reported"] = Json::array();
    for (auto const& other : report.reported)
        json["reported"].push_back({{"file", other.file},
                                    {"samples", other.samples},
                                    {"accuracy", other.accuracy},
                                    {"mean_macs", other.mean_macs},
                                    {"whole_accuracy", other.whole_accuracy},
                                    {"leaving", other.leaving}});
    return json.dump() + "\n";
}

ExitRules rules_of(SearchReport const& report, Point const& point, std::vector<std::string> const& files) {
    auto const& chosen = (*report.tables)[point.table].named->table;
    ExitRules rules;
    rules.network = chosen.network;
    rules.weights_sha256 = chosen.weights_sha256;
    rules.rules = named_rules(chosen, point.rules);
    for (std::size_t t = 0; t < report.tables->size(); ++t) {
        auto const& named = *(*report.tables)[t].named;
        bool const has_all = std::ranges::all_of(rules.rules, [&](ExitRules::Rule const& rule) {
            return std::ranges::find(named.table.exits, rule.exit) != named.table.exits.end();
        });
        if (!has_all) continue;
        auto const scored = score(named.table, rules_on(named, rules));
        rules.tables.push_back(files[t]);
        rules.promised.push_back({named.table.dropped, scored.accuracy, scored.mean_macs, scored.leaving});
    }
    rules.mapping = mapped(report, point);
    return rules;
}

}  // namespace skipstone::exits
