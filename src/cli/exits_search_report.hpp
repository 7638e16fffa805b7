#pragma once

#include <string>

#include "exits/trade_off_text.hpp"

namespace skipstone::cli {

struct SearchAsked {
    exits::Cost cost = exits::Cost::macs;  // that was minimised
    double max_loss = 0;
    bool beyond_grid = true;
    double seconds = 0;  // that the search took
};

// What a search found, for people: the trade-off of each cost at some losses, and what was chosen.
std::string search_text(exits::SearchReport const& report, SearchAsked const& asked);

}  // namespace skipstone::cli
