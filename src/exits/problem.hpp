#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/exit.hpp"

namespace skipstone::exits {

// What a request costs by the outcome of a table that it leaves at, in any unit.
struct OutcomeCosts {
    std::vector<double> chain;  // per outcome, the end last: heads not counted
    std::vector<double> heads;  // per outcome: of the head alone, which all pay that get there; 0 for the end
};

// What must hold of the heads that are open, since requests may leave nowhere: their amounts sum to `rest` at most.
struct Limit {
    double rest = 0;             // of a capacity, when the chain has what it needs; below 0: there is none
    std::vector<double> amount;  // per outcome
};

// One way of running the network (what runs where), as one kind of cost sees it.
struct Lane {
    std::size_t objective = 0;  // which kind of cost
    std::size_t way = 0;        // for whoever made the lane
    OutcomeCosts cost;
    std::vector<Limit> limits = {};

    bool allows(std::vector<std::size_t> const& open) const;
    bool allows_everything() const;
};

// The lanes that are worth a search: those that some set of exits allows, without those that another one of the same
// objective makes needless, since it allows everything and costs no more wherever a request leaves. In their order.
std::vector<Lane> worthwhile(std::vector<Lane> lanes);

// Costs of a table in MACs.
OutcomeCosts mac_costs(ExitTable const& table);

// Thresholds that a search may choose from, per exit: ascending, each once.
struct Grid {
    std::vector<std::vector<double>> thresholds;
    std::size_t most_exits = 0;  // that a set of rules may have
};

// Quantiles of what is confident at each exit: `count` thresholds or fewer, which part the samples into groups of one
// size as far as equal confidences let them; each the shortest decimal number that parts them so.
Grid quantile_grid(ExitTable const& table, std::size_t count, std::size_t most_exits);

// The shortest decimal number t with below < t <= upto, where 0 <= below < upto <= 1, or below < 0: 0.
double shortest_between(double below, double upto);

// How many sets of rules the grid has; at most 1e18.
double rule_sets(Grid const& grid);

}  // namespace skipstone::exits
