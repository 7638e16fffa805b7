#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "exits/frontier.hpp"
#include "exits/mapping.hpp"
#include "exits/problem.hpp"
#include "exits/rules_on_table.hpp"

namespace skipstone::exits {

enum class Cost { macs, latency, energy };
std::string_view to_string(Cost cost);

// A table, and the ways in which its network may run; without a scenario: none.
struct TableWays {
    NamedTable const* named = nullptr;
    std::vector<Mapping> mappings = {};
};

struct SearchSettings {
    std::size_t most_exits = 3;             // of the grid that is proven
    std::optional<std::size_t> thresholds;  // per exit, of that grid; none: up to 50, as many as a few seconds allow
    bool beyond_grid = true;                // then a local search
    int threads = 1;
};

// Rules with all that is known of them. Means are per request.
struct Point {
    std::size_t table = 0;
    std::size_t right = 0;  // samples answered rightly
    double accuracy = 0, mean_macs = 0;
    std::optional<double> mean_latency, mean_energy, worst_latency;  // seconds, joules; with a scenario
    std::vector<TableRule> rules;
    std::vector<double> leaving;
    std::optional<std::size_t> mapping;  // index into the table's

    double cost(Cost cost) const;
};

// Ascending by accuracy and cost: each costs less than all more accurate ones. Where accuracy is more than 10 points
// below that of the first table's whole network, one point every 0.1 points of accuracy.
using Front = std::vector<Point>;

struct Fronts {
    Cost cost = Cost::macs;
    Front grid;           // the optimum of the grid
    Front found;          // the best of all that was seen
    Front one_threshold;  // one for all exits
};

struct TradeOff {
    std::vector<Grid> grids;     // per table
    double rule_sets = 0;        // of all grids
    std::vector<Fronts> fronts;  // of MACs; with a scenario also of latency and energy
};

// tables: of the same samples, one of them of nothing dropped (require_same_samples). Deterministic, however many
// threads there are.
TradeOff search(std::vector<TableWays> const& tables, SearchSettings const& settings);

// The cheapest point with that accuracy at least, the mean MACs at most; null: there is none.
Point const* cheapest(Front const& front, Cost cost, double accuracy, double max_macs);

// What rules are on a table, in a way that allows them and is the best for `cost` (where none of it: the fastest).
// Nothing when no way allows them.
std::optional<Point> point_of(TableWays const& ways, std::size_t table, std::vector<TableRule> const& rules, Cost cost);

}  // namespace skipstone::exits
