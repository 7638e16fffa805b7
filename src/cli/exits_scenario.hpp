#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "exits/trade_off_text.hpp"

namespace skipstone::cli {

// The scenario of `exits search`, as options name it.
struct ExitsScenario {
    std::string scenario, weights;
    std::vector<std::string> sets, targets;
};

// Lays each table's network over the scenario's devices, as the first round's instance has them (one request), in every
// way that there is; blocks' and devices' names go into the report. Throws InputError when the scenario is of another
// network, its weights are others than the tables' or have no exits, or a target is no device of it.
void add_mappings(std::vector<exits::TableWays>& ways, ExitsScenario const& given, std::optional<Seconds> max_latency,
                  Invocation const& invocation, exits::SearchReport& report);

}  // namespace skipstone::cli
