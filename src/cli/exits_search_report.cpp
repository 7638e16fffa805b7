#include "cli/exits_search_report.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "cli/console.hpp"
#include "config/units_text.hpp"

namespace skipstone::cli {

namespace {

using namespace exits;

constexpr double no_limit = std::numeric_limits<double>::infinity();

std::string value_text(Cost cost, double value) {
    if (cost == Cost::macs) return count_text(value, "MAC");
    if (cost == Cost::latency) return fixed(value * 1e3, 3) + " ms";
    return fixed(value * 1e3, 4) + " mJ";
}

std::string_view heading(Cost cost) {
    return cost == Cost::macs ? "mean MACs" : cost == Cost::latency ? "mean latency" : "mean energy";
}

std::string points_text(double loss) {
    return fixed(100 * loss, loss != 0 && std::abs(loss) < 0.01 ? 1 : 0) + " points";
}

// What a request costs where no exit is open: in MACs of the whole network; else on the best devices.
std::optional<double> without_exits(SearchReport const& report, Cost cost) {
    if (cost == Cost::macs) return report.whole_macs;
    auto const point = point_of(report.tables->front(), 0, {}, cost);
    return point ? std::optional(point->cost(cost)) : std::nullopt;
}

std::string cell(Front const& front, Cost cost, double accuracy, std::optional<double> whole) {
    auto const* const point = cheapest(front, cost, accuracy, no_limit);
    if (!point) return "–";
    return value_text(cost, point->cost(cost)) +
           (whole && *whole > 0 ? " (" + percent(point->cost(cost) / *whole - 1, 1) + ")" : "") + ", " +
           std::to_string(point->rules.size());
}

std::string front_text(SearchReport const& report, Fronts const& fronts, SearchAsked const& asked) {
    auto const whole = without_exits(report, fronts.cost);
    std::vector<TextTable::Column> columns{{"loss at most"}, {"grid's optimum, exits"}};
    if (asked.beyond_grid) columns.push_back({"found, exits"});
    columns.push_back({"one threshold, exits"});
    TextTable table(columns);
    for (double const loss : {-0.005, 0.0, 0.005, 0.01, 0.02, 0.05, 0.1}) {
        double const accuracy = report.whole_accuracy - loss;
        std::vector<std::string> cells{points_text(loss), cell(fronts.grid, fronts.cost, accuracy, whole)};
        if (asked.beyond_grid) cells.push_back(cell(fronts.found, fronts.cost, accuracy, whole));
        cells.push_back(cell(fronts.one_threshold, fronts.cost, accuracy, whole));
        table.add(std::move(cells));
    }
    return "\n" + std::string(heading(fronts.cost)) +
           (whole ? ", without exits " + value_text(fronts.cost, *whole) : "") + "\n" + table.text();
}

std::string chosen_text(SearchReport const& report, SearchAsked const& asked) {
    auto const& point = *report.chosen;
    auto const& named = *(*report.tables)[point.table].named;
    auto const wanted = std::ranges::find(report.trade_off->fronts, asked.cost, &Fronts::cost);
    auto const* const proven = cheapest(wanted->grid, asked.cost, report.whole_accuracy - asked.max_loss, no_limit);
    bool const is_optimum = proven && proven->cost(asked.cost) <= point.cost(asked.cost);
    std::string text = "\nchosen, " + dropped_text(named.table.dropped) + ": " +
                       (is_optimum ? "the optimum of the grid" : "found beyond the grid, not proven") + "\n";
    TextTable figures({{"", Align::left}, {"samples"}, {"accuracy"}, {"lost"}, {"mean MACs"}, {"saved"}});
    auto const add = [&](std::string const& name, std::size_t samples, double accuracy, double whole, double macs) {
        figures.add({name, std::to_string(samples), percent(accuracy), fixed(100 * (whole - accuracy), 2) + " points",
                     value_text(Cost::macs, macs), percent(1 - macs / report.whole_macs, 2)});
    };
    add("chosen on", named.table.samples, point.accuracy, report.whole_accuracy, point.mean_macs);
    for (auto const& other : report.reported)
        add(other.file, other.samples, other.accuracy, other.whole_accuracy, other.mean_macs);
    text += figures.text();
    if (point.mapping)
        text += "mean latency " + value_text(Cost::latency, *point.mean_latency) + ", at worst " +
                value_text(Cost::latency, *point.worst_latency) + "; mean energy " +
                value_text(Cost::energy, *point.mean_energy) + "\n";
    TextTable leaving({{"leave at", Align::left}, {"threshold"}, {"share"}});
    auto const rules = named_rules(named.table, point.rules);
    for (std::size_t r = 0; r < point.leaving.size(); ++r)
        leaving.add({r < rules.size() ? rules[r].exit : "end",
                     r < rules.size() ? config::number_text(rules[r].threshold) : "", percent(point.leaving[r])});
    text += "\n" + leaving.text();
    for (auto const& run : rules_of(report, point, std::vector<std::string>(report.tables->size())).mapping)
        text += wrapped(run.device + ": " + run.blocks.front() +
                        (run.blocks.size() > 1 ? " ... " + run.blocks.back() : "") + "\n");
    return text;
}

}  // namespace

std::string search_text(SearchReport const& report, SearchAsked const& asked) {
    auto const& first = report.tables->front().named->table;
    std::string text = first.network + ", " + first.dataset + ": " + std::to_string(first.samples) + " samples, " +
                       std::to_string(first.exits.size()) + " exits, " + std::to_string(report.tables->size()) +
                       (report.tables->size() == 1 ? " table" : " tables") +
                       "; the whole network: " + percent(report.whole_accuracy) + ", " +
                       value_text(Cost::macs, report.whole_macs) + "\n";
    std::size_t thresholds = 0;
    for (auto const& grid : report.trade_off->grids)
        for (auto const& exit : grid.thresholds) thresholds = std::max(thresholds, exit.size());
    char sets[32];
    std::snprintf(sets, sizeof sets, "%.3g", report.trade_off->rule_sets);
    text += wrapped("grid: every set of at most " + std::to_string(report.trade_off->grids.front().most_exits) +
                    " exits, at most " + std::to_string(thresholds) + " thresholds each: " + sets +
                    " sets of rules, all tried, the optimum is proven" +
                    (asked.beyond_grid ? "; beyond it a local search, whose finds are not proven" : "") + "; " +
                    fixed(asked.seconds, 1) + " s\n");
    for (auto const& fronts : report.trade_off->fronts) text += front_text(report, fronts, asked);
    if (report.chosen) text += chosen_text(report, asked);
    text += wrapped(
        "\nRules fit the samples that they are chosen on better than others: score them on a table of other "
        "samples (--report, or `skipstone exits score`).\n",
        0);
    return text;
}

}  // namespace skipstone::cli
