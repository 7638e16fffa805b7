#include "exits/trade_off.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "exits/grid_search.hpp"
#include "exits/local_search.hpp"
#include "units/error.hpp"

namespace skipstone::exits {

namespace {

constexpr double most_work = 3e9;          // of the grids of all tables, elementary steps: a few seconds
constexpr double most_cells = 1 << 26;     // of one set of exits
constexpr std::size_t most_thresholds = 50;
constexpr double local_operations = 4e8;   // samples x steps, of all tables and lanes of one cost
constexpr std::size_t most_local_lanes = 6;
constexpr std::size_t single_thresholds = 200;

std::vector<Cost> costs_of(std::vector<TableWays> const& tables) {
    if (tables.front().mappings.empty()) return {Cost::macs};
    return {Cost::macs, Cost::latency, Cost::energy};
}

OutcomeCosts const& costs_in(Mapping const& mapping, Cost cost, OutcomeCosts const& macs) {
    return cost == Cost::macs ? macs : cost == Cost::latency ? mapping.latency : mapping.energy;
}

std::vector<Lane> lanes_of(TableWays const& ways, std::vector<Cost> const& costs) {
    auto const macs = mac_costs(ways.named->table);
    if (ways.mappings.empty()) return {Lane{0, 0, macs, {}}};
    std::vector<Lane> lanes;
    for (std::size_t objective = 0; objective < costs.size(); ++objective)
        for (std::size_t way = 0; way < ways.mappings.size(); ++way) {
            auto const& mapping = ways.mappings[way];
            lanes.push_back({objective, way, costs_in(mapping, costs[objective], macs), mapping.limits});
        }
    return worthwhile(std::move(lanes));
}

double largest_set(Grid const& grid) {
    std::vector<double> widths;
    for (auto const& thresholds : grid.thresholds) widths.push_back(static_cast<double>(thresholds.size()));
    std::ranges::sort(widths, std::greater());
    double cells = 1;
    for (std::size_t m = 0; m < std::min(grid.most_exits, widths.size()); ++m) cells *= std::max(1.0, widths[m]);
    return cells;
}

Grid grid_of(NamedTable const& named, std::size_t lanes, std::size_t tables, SearchSettings const& settings) {
    auto const most_exits = std::min(settings.most_exits, named.table.exits.size());
    if (settings.thresholds) {
        auto grid = quantile_grid(named.table, *settings.thresholds, most_exits);
        if (largest_set(grid) > most_cells || grid_work(named.table, grid, lanes) > 1e14)
            throw InputError("exits search: " + std::to_string(most_exits) + " exits with " +
                             std::to_string(*settings.thresholds) +
                             " thresholds each are too many to be tried; lower --most-exits or --thresholds");
        return grid;
    }
    for (std::size_t thresholds : {most_thresholds, std::size_t{40}, std::size_t{32}, std::size_t{24}, std::size_t{16},
                                   std::size_t{12}, std::size_t{8}, std::size_t{6}, std::size_t{4}, std::size_t{3},
                                   std::size_t{2}}) {
        auto grid = quantile_grid(named.table, thresholds, most_exits);
        if (largest_set(grid) <= most_cells &&
            grid_work(named.table, grid, lanes) <= most_work / static_cast<double>(tables))
            return grid;
    }
    throw InputError("exits search: so many sets of " + std::to_string(most_exits) +
                     " exits cannot be tried in a few seconds; lower --most-exits, or set --thresholds to wait longer");
}

// The cheapest of all tables' frontiers per number of right answers, as points.
Front front_of(std::vector<TableWays> const& tables, std::vector<Frontier> const& frontiers, Cost cost) {
    std::set<std::size_t> numbers;
    for (auto const& frontier : frontiers)
        for (auto const right : frontier.front()) numbers.insert(right);
    auto const& first = tables.front().named->table;
    auto const whole = static_cast<std::size_t>(std::llround(accuracy_at_end(first) * static_cast<double>(first.samples)));
    auto const step = first.samples / 1000 + 1, close = first.samples / 10;
    std::optional<std::size_t> last;  // that was kept
    Front front;
    for (auto right = numbers.rbegin(); right != numbers.rend(); ++right) {
        if (*right + close < whole && last && *right / step == *last / step) continue;
        last = *right;
        Candidate const* best = nullptr;
        std::size_t table = 0;
        for (std::size_t t = 0; t < frontiers.size(); ++t)
            if (auto const& candidate = frontiers[t].best()[*right];
                candidate.is_there() && (!best || candidate.cost < best->cost)) {
                best = &candidate;
                table = t;
            }
        auto point = point_of(tables[table], table, best->rules, cost);
        SKIPSTONE_ENSURE(point.has_value());
        if (front.empty() || point->cost(cost) < front.back().cost(cost)) front.push_back(std::move(*point));
    }
    std::ranges::reverse(front);
    return front;
}

// Lanes of an objective that a local search begins with: those of the frontier, the most frequent first.
std::vector<Lane const*> promising(std::vector<Lane> const& lanes, std::size_t objective, Frontier const& frontier) {
    std::vector<std::size_t> uses(lanes.size());
    for (auto const right : frontier.front())
        for (std::size_t l = 0; l < lanes.size(); ++l)
            uses[l] += lanes[l].objective == objective && lanes[l].way == frontier.best()[right].way;
    std::vector<std::size_t> order;
    for (std::size_t l = 0; l < lanes.size(); ++l)
        if (uses[l] > 0) order.push_back(l);
    std::ranges::stable_sort(order, std::greater(), [&](std::size_t l) { return uses[l]; });
    std::vector<Lane const*> chosen;
    for (auto const l : order)
        if (chosen.size() < most_local_lanes) chosen.push_back(&lanes[l]);
    return chosen;
}

double mean_cost(OutcomeCosts const& costs, std::vector<TableRule> const& rules, std::vector<double> const& leaving) {
    double mean = 0, heads = 0;
    for (std::size_t r = 0; r < leaving.size(); ++r) {
        auto const outcome = r < rules.size() ? rules[r].outcome : costs.chain.size() - 1;
        heads += costs.heads[outcome];
        mean += leaving[r] * (costs.chain[outcome] + heads);
    }
    return mean;
}

}  // namespace

std::string_view to_string(Cost cost) {
    return cost == Cost::macs ? "macs" : cost == Cost::latency ? "latency" : "energy";
}

double Point::cost(Cost cost) const {
    return cost == Cost::macs ? mean_macs : cost == Cost::latency ? mean_latency.value() : mean_energy.value();
}

std::optional<Point> point_of(TableWays const& ways, std::size_t number, std::vector<TableRule> const& rules, Cost cost) {
    auto const& table = ways.named->table;
    auto const scored = score(table, rules);
    auto const samples = static_cast<double>(table.samples);
    Point point;
    point.table = number;
    point.right = static_cast<std::size_t>(std::llround(scored.accuracy * samples));
    point.accuracy = scored.accuracy;
    point.mean_macs = scored.mean_macs;
    point.rules = rules;
    point.leaving = scored.leaving;
    if (ways.mappings.empty()) return point;
    std::vector<std::size_t> open;
    for (auto const& rule : rules) open.push_back(rule.outcome);
    std::optional<std::tuple<double, double>> best;
    for (std::size_t way = 0; way < ways.mappings.size(); ++way) {
        auto const& mapping = ways.mappings[way];
        if (!Lane{0, 0, {}, mapping.limits}.allows(open)) continue;
        double const seconds = mean_cost(mapping.latency, rules, scored.leaving);
        double const joules = mean_cost(mapping.energy, rules, scored.leaving);
        auto const value = cost == Cost::energy ? std::tuple(joules, seconds) : std::tuple(seconds, joules);
        if (best && value >= *best) continue;
        best = value;
        point.mapping = way;
        point.mean_latency = seconds;
        point.mean_energy = joules;
        point.worst_latency = worst_latency(mapping, open).value();
    }
    return best ? std::optional(std::move(point)) : std::nullopt;
}

TradeOff search(std::vector<TableWays> const& tables, SearchSettings const& settings) {
    auto const costs = costs_of(tables);
    TradeOff result;
    std::vector<std::vector<Frontier>> grid(costs.size()), found(costs.size()), one(costs.size());
    for (auto const& ways : tables) {
        auto const& table = ways.named->table;
        auto const lanes = lanes_of(ways, costs);
        result.grids.push_back(grid_of(*ways.named, std::max<std::size_t>(lanes.size(), 1), tables.size(), settings));
        result.rule_sets += rule_sets(result.grids.back());
        auto proven = search_grid(table, result.grids.back(), lanes, costs.size(), settings.threads);
        for (std::size_t objective = 0; objective < costs.size(); ++objective) {
            auto best = proven[objective];
            Frontier single(table.samples);
            auto const chosen = promising(lanes, objective, proven[objective]);
            for (auto const* lane : chosen) {
                single.merge(one_threshold_for_all(table, *lane, single_thresholds));
                if (!settings.beyond_grid) continue;
                double const steps = local_operations / static_cast<double>(table.samples) /
                                     static_cast<double>(tables.size() * chosen.size() * costs.size());
                best.merge(single);
                search_locally(table, *lane, static_cast<std::size_t>(steps) + 1, best);
            }
            grid[objective].push_back(std::move(proven[objective]));
            found[objective].push_back(std::move(best));
            one[objective].push_back(std::move(single));
        }
    }
    for (std::size_t o = 0; o < costs.size(); ++o)
        result.fronts.push_back({costs[o], front_of(tables, grid[o], costs[o]), front_of(tables, found[o], costs[o]),
                                 front_of(tables, one[o], costs[o])});
    return result;
}

Point const* cheapest(Front const& front, Cost cost, double accuracy, double max_macs) {
    Point const* best = nullptr;
    for (auto const& point : front)
        if (point.accuracy >= accuracy - 1e-12 && point.mean_macs <= max_macs * (1 + 1e-12) &&
            (!best || point.cost(cost) < best->cost(cost)))
            best = &point;
    return best;
}

}  // namespace skipstone::exits
