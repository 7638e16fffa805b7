#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exits/trade_off.hpp"

namespace skipstone::exits {

// What a search was asked for and chose, for those who read it by machine.
struct SearchReport {
    std::vector<TableWays> const* tables = nullptr;
    std::vector<std::string> blocks, devices;  // of the scenario; empty without one
    double whole_accuracy = 0, whole_macs = 0; // of the network with nothing dropped and no exits
    TradeOff const* trade_off = nullptr;
    std::optional<Point> chosen;
    // The chosen rules on other tables: accuracy and mean MACs.
    struct Elsewhere {
        std::string file;
        std::size_t samples = 0;
        double accuracy = 0, mean_macs = 0, whole_accuracy = 0;
        std::vector<double> leaving;
    };
    std::vector<Elsewhere> reported;
};

// JSON: {"format": "skipstone-trade-off", "version": 1, "network", "dataset", "weights_sha256", "samples",
//   "whole": {"accuracy", "macs"},
//   "tables": [{"file", "dropped": [blocks], "accuracy", "macs": of its whole network without exits,
//               "grid": {"most_exits", "thresholds": most per exit}}],
//   "rule_sets": of the grids, all tried,
//   "fronts": [{"cost": "macs" | "latency" | "energy", "grid": [POINT…], "found": [POINT…], "one_threshold": [POINT…]}],
//   "chosen": POINT or null, "reported": [{"file", "samples", "accuracy", "mean_macs", "whole_accuracy", "leaving"}]}
// POINT: {"table": index, "accuracy", "mean_macs", "rules": [{"exit", "threshold"}], "leaving": [shares, the end last],
//   and with a scenario "mean_latency_s", "mean_energy_j", "worst_latency_s",
//   "mapping": [{"device", "blocks": [names]}]}.
// Points ascend by accuracy and by the front's cost. "grid" is the proven optimum of the grid, "found" the best that was
// seen at all, "one_threshold" has one threshold for all exits.
std::string trade_off_json(SearchReport const& report);

// The rules with what they promise on every table that has the exits, for `exits.rules` of a scenario. files: of
// tables, as they are to be named. mapping: of the point.
ExitRules rules_of(SearchReport const& report, Point const& point, std::vector<std::string> const& files);

}  // namespace skipstone::exits
