#pragma once

#include <string>
#include <vector>

#include "model/exit.hpp"
#include "model/exit_rules.hpp"

namespace skipstone::exits {

// A table and the file that it was read from.
struct NamedTable {
    std::string file;
    ExitTable table;
};

// Throws InputError unless the tables are of one network, of the same weights, and of the same samples (by number and
// labels), and each of other dropped blocks.
void require_same_samples(std::vector<NamedTable> const& tables);

// The rules as outcomes of the table. Throws InputError when network or weights are others, or when the table lacks an
// exit, or has them in another order.
std::vector<TableRule> rules_on(NamedTable const& table, ExitRules const& rules);
std::vector<ExitRules::Rule> named_rules(ExitTable const& table, std::vector<TableRule> const& rules);

// The network without exits: share of right answers, and MACs of a request.
double accuracy_at_end(ExitTable const& table);
double macs_without_exits(ExitTable const& table);

// "nothing dropped", "s3b2, s4b3 dropped"
std::string dropped_text(std::vector<std::string> const& dropped);

}  // namespace skipstone::exits
