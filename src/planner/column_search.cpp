#include "planner/column_search.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <queue>
#include <set>
#include <tuple>
#include <utility>

#include "model/cost_model.hpp"
#include "planner/capacity.hpp"
#include "planner/master.hpp"
#include "planner/packing.hpp"
#include "planner/placer.hpp"
#include "planner/pricer.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double integral = 1e-6;  // distance from an integer that counts as none
constexpr std::size_t columns_per_round = 12;
constexpr double most_combining = 1e9;  // elementary operations of one attempt to combine paths
constexpr std::size_t everyone = TransitionPrice::every_choice;
constexpr std::size_t nobody = static_cast<std::size_t>(-1);

struct Hop {
    std::size_t block = nobody;  // whose output moves; nobody: the image
    std::size_t from = 0, to = 0;
    double seconds = 0;  // of serialisation, as it counts for Eq. 17
};

struct Column {
    Placement placement;
    double latency = 0;  // s, expected
    double cost = 0;
    std::vector<Hop> hops;       // between devices
    std::size_t index = nobody;  // in the master; nobody: not in it
};

// A constraint on the sum over all requests; a column's coefficient is additive along its path.
struct Row {
    std::size_t device = nobody;
    std::vector<double> work;                    // per Step::work, on the device
    double transmit = 0, receive = 0;            // per second of serialisation, of the device
    std::shared_ptr<PackingRule const> packing;  // what its segments there count, divided by the whole
    std::vector<double> choice;                  // per choice; empty: 0
    // Transitions from a block on one device to the next on another one (or the same), of one choice or all.
    bool transition = false;
    std::size_t transition_choice = everyone, block = 0, from = 0, to = 0;
    double lower = -infinity, upper = infinity;  // while no branch says otherwise
    std::size_t index = 0;                       // in the master
};

struct Restriction {
    std::size_t row = 0;  // index into rows_
    double lower = -infinity, upper = infinity;
};

struct Node {
    double bound = -infinity;
    std::size_t number = 0;  // in the order of creation
    std::vector<Restriction> restrictions;
    std::vector<std::pair<std::size_t, std::size_t>> resident;  // device and what it surely holds there, by holding
};

struct LaterNode {
    bool operator()(Node const& a, Node const& b) const {
        return a.bound != b.bound ? a.bound > b.bound : a.number < b.number;
    }
};

class Search {
  public:
    // unit: what costs are multiplied by within the search.
    Search(Instance const& instance, std::vector<Choice> const& choices, Task const& task, Budget& budget, double unit)
        : instance_(instance),
          choices_(choices),
          task_(task),
          budget_(budget),
          works_(works_of(instance, choices)),
          devices_(instance.devices.size()),
          requests_(static_cast<double>(task.requests)),
          unit_(unit),
          pricer_(instance, choices, works_),
          whole_(instance) {
        auto const reference = instance.reference_latency.value() / unit;
        switch (task.aim) {
            case Aim::cost:
                per_second_ = instance.alpha / reference;
                break;
            case Aim::shortage:
                per_second_ = 0;
                break;
            case Aim::latency:
                per_second_ = 1 / reference;
                break;
        }
        for (auto const& choice : choices)
            choice_cost_.push_back(task.aim == Aim::cost ? unit * instance.beta * (1 - choice.accuracy) : 0);
        // Ties are broken in favour of lower latency; the bound pays for it.
        double const least = *std::ranges::min_element(choice_cost_);
        double const longest = pricer_.longest_latency();
        double const tie = longest > 0 ? 1e-9 * std::max(least, 1e-3) / longest : 0;
        pricing_seconds_ = std::max(per_second_, tie);
        slack_in_bound_ = (pricing_seconds_ - per_second_) * longest;
        pricer_.restrict_to(whole_);
        for (std::size_t i = 0; i < devices_; ++i) everybody_.emplace_back(i);
        start_master();
    }

    Outcome run(std::vector<std::vector<Placement>> const& start) {
        for (auto const& plan : start) offer(plan);
        std::priority_queue<Node, std::vector<Node>, LaterNode> open;
        open.push(Node{});
        double bound = -infinity;
        for (std::size_t visited = 0; !open.empty(); ++visited) {
            bound = std::max(bound, std::min({closed_, open.top().bound, best_.value}));
            if (good_enough(open.top().bound) || budget_.spent() || (visited > 0 && !task_.branch)) break;
            Node node = open.top();
            open.pop();
            auto solution = relax(node, visited == 0);
            if (good_enough(node.bound) || !solution) {
                closed_ = std::min(closed_, node.bound);
                if (!solution && budget_.spent()) open.push(node);
                continue;
            }
            if (finish(node, visited % 8 == 0)) continue;
            dive(node, *solution);
            if (good_enough(node.bound)) {
                closed_ = std::min(closed_, node.bound);
                continue;
            }
            if (!task_.branch) {
                closed_ = std::min(closed_, node.bound);
                break;
            }
            auto children = branch(node, *solution);
            if (children.empty()) {
                // Every count is whole: the relaxation's value is that of a plan, which solve() has offered.
                closed_ = std::min(closed_, node.bound);
                continue;
            }
            for (auto& child : children) {
                child.bound = node.bound;
                child.number = ++created_;
                open.push(std::move(child));
            }
        }
        double const rest = open.empty() ? infinity : open.top().bound;
        best_.bound = std::max(bound, std::min({closed_, rest, best_.value}));
        // No path costs less than its drop set. That counts where little else is known.
        double const least = std::min(best_.value, requests_ * *std::ranges::min_element(choice_cost_));
        if (!(best_.bound >= (1 - 1e-6) * least)) best_.bound = least;
        best_.bound /= unit_;
        best_.value /= unit_;
        return best_;
    }

  private:
    // --- the programme -------------------------------------------------------------------------------------------

    void start_master() {
        master_.add_row(requests_, requests_, {});
        double dearest = 0;
        for (std::size_t c = 0; c < choices_.size(); ++c) dearest = std::max(dearest, choice_cost_[c]);
        constexpr double enough = 1e9;  // beside costs of about 1
        slack_cost_ =
            task_.aim == Aim::shortage
                ? 1
                : std::min(enough, 10 * (requests_ + 1) * (dearest + per_second_ * pricer_.longest_latency()));
        slack_ = master_.add_column(slack_cost_, 0, infinity, {{0, 1.0}});
        owners_.assign(slack_ + 1, nobody);
        if (task_.aim == Aim::latency && task_.loss_budget < infinity) {
            Row row;
            for (auto const& choice : choices_) row.choice.push_back(1 - choice.accuracy);
            row.upper = task_.loss_budget;
            add_row(std::move(row));
        }
    }

    double cost_of(std::size_t choice, double latency) const { return choice_cost_[choice] + per_second_ * latency; }

    std::size_t add_row(Row row) {
        std::vector<Master::Entry> entries;
        for (auto const& column : columns_)
            if (column.index != nobody)
                if (double const value = coefficient(row, column); value != 0) entries.push_back({column.index, value});
        row.index = master_.add_row(row.lower, row.upper, entries);
        rows_.push_back(std::move(row));
        return rows_.size() - 1;
    }

    double coefficient(Row const& row, Column const& column) const {
        auto const& steps = choices_[column.placement.choice].steps;
        auto const& devices = column.placement.devices;
        double value = row.choice.empty() ? 0 : row.choice[column.placement.choice];
        if (row.device != nobody) {
            for (std::size_t s = 0; s < steps.size(); ++s)
                if (devices[s].index() == row.device) value += row.work[steps[s].work];
            if (row.transmit > 0 || row.receive > 0)
                for (auto const& hop : column.hops) {
                    if (hop.from == row.device) value += row.transmit * hop.seconds;
                    if (hop.to == row.device) value += row.receive * hop.seconds;
                }
            if (row.packing) value += packing_count(column, *row.packing);
        }
        if (row.transition && (row.transition_choice == everyone || row.transition_choice == column.placement.choice))
            for (std::size_t s = 0; s + 1 < steps.size(); ++s)
                if (steps[s].block.index() == row.block && devices[s].index() == row.from &&
                    devices[s + 1].index() == row.to)
                    value += 1;
        return value;
    }

    // Sum over the column's segments on the device, divided by their whole.
    double packing_count(Column const& column, PackingRule const& rule) const {
        auto const& steps = choices_[column.placement.choice].steps;
        auto const& devices = column.placement.devices;
        std::int64_t sum = 0, part = 0;
        for (std::size_t s = 0; s < steps.size(); ++s) {
            if (devices[s].index() == rule.device)
                part += rule.load == Load::macs ? steps[s].macs.value() : steps[s].memory.value();
            if (part > 0 && (s + 1 == steps.size() || devices[s + 1].index() != rule.device)) {
                sum += rule.count(part);
                part = 0;
            }
        }
        return static_cast<double>(sum) / static_cast<double>(rule.whole);
    }

    Column column_of(Placement placement) const {
        Column column;
        auto const& steps = choices_[placement.choice].steps;
        auto const& devices = placement.devices;
        auto const move = [&](std::size_t block, DeviceId from, DeviceId to, Bytes size, Step const& receiver) {
            if (from == to) return;
            column.latency += receiver.reach * hop_time(instance_, size, from, to).value();
            column.hops.push_back(
                {block, from.index(), to.index(), receiver.reserved * (size / instance_.links.rate(from, to)).value()});
        };
        if (instance_.source) move(nobody, *instance_.source, devices.front(), instance_.input, steps.front());
        for (std::size_t s = 0; s < steps.size(); ++s) {
            column.latency += expected_time(instance_, steps[s], devices[s]).value();
            if (s + 1 < steps.size())
                move(steps[s].block.index(), devices[s], devices[s + 1], steps[s].output.serialised, steps[s + 1]);
        }
        column.cost = cost_of(placement.choice, column.latency);
        column.placement = std::move(placement);
        return column;
    }

    // Puts the path into the master; false: it was there.
    bool column(Placement const& placement) {
        std::vector<std::int32_t> key{static_cast<std::int32_t>(placement.choice)};
        for (auto const device : placement.devices) key.push_back(device.value());
        auto const [found, fresh] = known_.emplace(std::move(key), columns_.size());
        if (fresh) columns_.push_back(column_of(placement));
        auto& made = columns_[found->second];
        if (made.index != nobody) return false;
        std::vector<Master::Entry> entries{{0, 1.0}};
        for (auto const& row : rows_)
            if (double const value = coefficient(row, made); value != 0) entries.push_back({row.index, value});
        made.index = master_.add_column(made.cost, 0, infinity, entries);
        owners_.resize(made.index + 1, nobody);
        owners_[made.index] = found->second;
        return true;
    }

    // Takes the columns out of the master that are dearest at these duals, when there are many.
    void purge(Master::Solution const& solution) {
        auto const most = std::max<std::size_t>(200, 8 * rows_.size());
        if (owners_.size() < most + most / 2) return;
        std::vector<std::pair<double, std::size_t>> dear;
        for (std::size_t m = 0; m < solution.reduced.size(); ++m)
            if (m < owners_.size() && owners_[m] != nobody && solution.x[m] < 1e-12 && solution.reduced[m] > 1e-9)
                dear.emplace_back(solution.reduced[m], m);
        std::ranges::sort(dear);
        std::vector<std::size_t> gone;
        for (std::size_t d = dear.size() / 3; d < dear.size(); ++d) gone.push_back(dear[d].second);
        std::ranges::sort(gone);
        master_.remove_columns(gone);
        std::vector<std::size_t> kept;
        std::size_t next = 0;
        for (std::size_t m = 0; m < owners_.size(); ++m) {
            if (next < gone.size() && gone[next] == m) {
                columns_[owners_[m]].index = nobody;
                ++next;
                continue;
            }
            if (owners_[m] != nobody) columns_[owners_[m]].index = kept.size();
            for (auto& helper : helpers_)
                if (helper == m) helper = kept.size();
            kept.push_back(owners_[m]);
        }
        owners_ = std::move(kept);
    }

    Master::Solution solve_master() {
        auto solution = master_.solve();
        auto const rows = static_cast<double>(rows_.size()), columns = static_cast<double>(owners_.size());
        budget_.spend(2e5 + solution.iterations * (50 * columns + 150 * rows));
        return solution;
    }

    // --- bounds --------------------------------------------------------------------------------------------------

    // Duals whose sign their row's bounds allow.
    std::vector<double> cleaned(std::vector<double> const& y) const {
        std::vector<double> clean(rows_.size());
        for (std::size_t r = 0; r < rows_.size(); ++r) {
            double const value = y[rows_[r].index];
            auto const& now = current_[r];
            clean[r] = (value > 0 ? now.lower > -infinity : now.upper < infinity) ? value : 0;
        }
        return clean;
    }

    // What a path costs before any row charges for what it uses.
    Prices free_prices() const {
        Prices prices;
        prices.per_second = pricing_seconds_;
        prices.work.assign(works_.size() * devices_, 0);
        prices.transmit.assign(devices_, 0);
        prices.receive.assign(devices_, 0);
        prices.choice = choice_cost_;
        return prices;
    }

    Prices prices_at(std::vector<double> const& duals) const {
        auto prices = free_prices();
        for (std::size_t r = 0; r < rows_.size(); ++r) {
            auto const& row = rows_[r];
            double const y = duals[r];
            if (y == 0) continue;
            if (row.device != nobody) {
                for (std::size_t w = 0; w < row.work.size(); ++w)
                    prices.work[w * devices_ + row.device] -= y * row.work[w];
                prices.transmit[row.device] -= y * row.transmit;
                prices.receive[row.device] -= y * row.receive;
                if (row.packing) prices.segments.push_back({row.packing, -y / static_cast<double>(row.packing->whole)});
            }
            for (std::size_t c = 0; c < row.choice.size(); ++c) prices.choice[c] -= y * row.choice[c];
            if (row.transition)
                prices.transitions.push_back({row.transition_choice, BlockId(row.block), row.from, row.to, -y});
        }
        return prices;
    }

    double lagrangian(std::vector<double> const& duals, double lowest) const {
        double sum = 0;
        for (std::size_t r = 0; r < rows_.size(); ++r)
            if (duals[r] != 0) sum += duals[r] * (duals[r] > 0 ? current_[r].lower : current_[r].upper);
        constexpr double negligible = 1e-10;
        double const rounding = pricer_.rounding() > negligible ? pricer_.rounding() : 0;
        double least = lowest - slack_in_bound_ - rounding;
        if (task_.aim == Aim::shortage) least = std::min(least, 1.0);
        return least < infinity ? sum + requests_ * least : infinity;
    }

    double tolerance() const {
        if (best_.value == infinity) return 0;
        return task_.aim == Aim::shortage ? 0 : 0.999 * task_.gap * best_.value;
    }

    // Whether nothing that is worth finding lies behind this bound.
    bool good_enough(double bound) const {
        if (task_.aim == Aim::shortage) return best_.value < 0.5 || bound > 1e-6;
        return bound >= best_.value - tolerance();
    }

    // --- relaxation ----------------------------------------------------------------------------------------------

    void enter(Node const& node) {
        current_.clear();
        for (auto const& row : rows_) current_.push_back({0, row.lower, row.upper});
        for (auto const& restriction : node.restrictions) {
            auto& now = current_[restriction.row];
            now.lower = std::max(now.lower, restriction.lower);
            now.upper = std::min(now.upper, restriction.upper);
        }
        for (std::size_t r = 0; r < rows_.size(); ++r) {
            bound_row(r, current_[r].lower, current_[r].upper);
        }
        std::vector<std::size_t> separate;
        for (auto const& restriction : node.restrictions)
            if (rows_[restriction.row].transition && rows_[restriction.row].transition_choice != everyone)
                separate.push_back(rows_[restriction.row].transition_choice);
        std::ranges::sort(separate);
        separate.erase(std::ranges::unique(separate).begin(), separate.end());
        pricer_.separate(separate);
    }

    void bound_row(std::size_t r, double lower, double upper) {
        applied_.resize(rows_.size(), {infinity, -infinity});
        if (applied_[r] == std::pair(lower, upper)) return;
        applied_[r] = {lower, upper};
        master_.bound_row(rows_[r].index, lower, upper);
    }

    // Solves the node's relaxation and raises its bound. Nothing: it need not be looked at further, or the budget is
    // spent.
    std::optional<Master::Solution> relax(Node& node, bool root) {
        enter(node);
        Prices prices;
        for (std::size_t round = 0;; ++round) {
            if (budget_.spent()) return std::nullopt;
            auto solution = solve_master();
            if (!solution.optimal) return std::nullopt;  // an empty node: the slack makes all others feasible
            if (separate_capacities(node, solution)) continue;
            auto const duals = cleaned(solution.y);
            prices = prices_at(duals);
            double const pi = solution.y[0];
            auto const paths = pricer_.run(prices, pi - 1e-9 * std::max(1.0, std::abs(pi)), devices_ > 30 ? 2 : 3);
            budget_.spend(pricer_.work());
            last_bound_ = lagrangian(duals, pricer_.lowest());
            node.bound = std::max(node.bound, last_bound_);
            if (good_enough(node.bound)) return std::nullopt;
            std::size_t added = 0;
            for (auto const& path : paths)
                if (added < columns_per_round && column({path.choice, path.devices})) ++added;
            bool const converged =
                added == 0 || solution.objective - node.bound <= 1e-7 * std::max(1e-3, std::abs(solution.objective));
            if (root && !converged && round % 4 == 3) guided(prices);
            if (!converged) {
                purge(solution);
                continue;
            }
            if (separate_packings(solution)) continue;
            if (auto plan = whole_plan(solution)) offer(*plan);
            if (good_enough(node.bound)) return std::nullopt;
            return solution;
        }
    }

    // How often the solution runs each kind of work on each device.
    struct Usage {
        std::vector<double> work;               // [works × devices]
        std::vector<double> transmit, receive;  // s, per device
    };

    Usage usage_of(Master::Solution const& solution) const {
        Usage usage{std::vector<double>(works_.size() * devices_, 0), std::vector<double>(devices_, 0),
                    std::vector<double>(devices_, 0)};
        for (auto const& column : columns_) {
            double const x = solution.at(column.index);
            if (x < 1e-9) continue;
            auto const& steps = choices_[column.placement.choice].steps;
            for (std::size_t s = 0; s < steps.size(); ++s)
                usage.work[steps[s].work * devices_ + column.placement.devices[s].index()] += x;
            for (auto const& hop : column.hops) {
                usage.transmit[hop.from] += x * hop.seconds;
                usage.receive[hop.to] += x * hop.seconds;
            }
        }
        return usage;
    }

    // Rows of Eq. 13, 14, 17 that hold for the whole round, divided by the device's limit.
    Row macs_row(std::size_t device) const {
        double const limit = static_cast<double>(instance_.devices[device].macs.value());
        Row row = limit_row(device, limit);
        for (std::size_t w = 0; w < works_.size(); ++w)
            row.work[w] = static_cast<double>(works_[w].macs.value()) / scale(limit);
        return row;
    }

    Row energy_row(std::size_t device) const {
        auto const& what = instance_.devices[device];
        double const limit = what.energy.value() * (1 + energy_rounding);
        Row row = limit_row(device, limit);
        for (std::size_t w = 0; w < works_.size(); ++w)
            row.work[w] = what.power_compute.value() * reserved_time(instance_, works_[w], DeviceId(device)).value() /
                          scale(limit);
        row.transmit = what.power_transmit.value() / scale(limit);
        row.receive = what.power_receive.value() / scale(limit);
        return row;
    }

    // With resident weights: what is surely there counts its weights once and in full, everything else a share for each
    // request that needs it, as many shares as requests could at most need it there.
    Row memory_row(std::size_t device, std::vector<std::size_t> const& resident) const {
        auto const& what = instance_.devices[device];
        double const limit = static_cast<double>(what.memory.value());
        Row row = limit_row(device, limit);
        for (std::size_t w = 0; w < works_.size(); ++w)
            row.work[w] = static_cast<double>(works_[w].memory.value()) / scale(limit);
        if (instance_.memory != MemoryModel::resident) return row;
        for (std::size_t held = 0; held < holdings_of(instance_); ++held) {
            double const weights =
                static_cast<double>(weights_needed(instance_, DeviceId(device), held).value()) / scale(limit);
            if (std::ranges::find(resident, held) != resident.end()) {
                row.upper -= weights;
            } else {
                for (auto const w : works_that_need(held)) row.work[w] += weights / requests_;
            }
        }
        return row;
    }

    std::vector<std::size_t> const& works_that_need(std::size_t holding) const {
        if (needing_.empty()) {
            needing_.resize(holdings_of(instance_));
            for (std::size_t w = 0; w < works_.size(); ++w)
                for_each_holding(instance_, works_[w], [&](std::size_t held, Bytes) { needing_[held].push_back(w); });
        }
        return needing_[holding];
    }

    // Of a limit that the row is divided by, unless there is nothing to divide by.
    Row limit_row(std::size_t device, double limit = 1) const {
        Row row;
        row.device = device;
        row.work.assign(works_.size(), 0);
        row.upper = limit > 0 ? 1 : 0;
        return row;
    }

    static double scale(double limit) { return limit > 0 ? limit : 1; }

    double activity(Row const& row, Usage const& usage) const {
        double sum = row.transmit * usage.transmit[row.device] + row.receive * usage.receive[row.device];
        for (std::size_t w = 0; w < row.work.size(); ++w) sum += row.work[w] * usage.work[w * devices_ + row.device];
        return sum;
    }

    enum class Limit { macs, energy, memory };

    // Adds the limits that the solution passes. True: there were some.
    bool separate_capacities(Node const& node, Master::Solution const& solution) {
        auto const usage = usage_of(solution);
        bool added = false;
        auto const consider = [&](Limit limit, std::size_t device, std::vector<std::size_t> const& resident, Row row) {
            if (activity(row, usage) <= row.upper + 1e-7) return;
            std::pair const key(std::pair(limit, device), resident);
            if (limits_.contains(key)) return;
            limits_.emplace(key, rows_.size());
            // Rows that rely on branching hold in their part of the tree alone: free unless a node asks for them.
            double const upper = row.upper;
            if (!resident.empty()) row.upper = infinity;
            auto const r = add_row(std::move(row));
            current_.push_back({0, -infinity, upper});
            bound_row(r, -infinity, upper);
            added = true;
        };
        for (std::size_t i = 0; i < devices_; ++i) {
            consider(Limit::macs, i, {}, macs_row(i));
            consider(Limit::energy, i, {}, energy_row(i));
            consider(Limit::memory, i, {}, memory_row(i, {}));
            {
                if (auto const resident = resident_of(node, i); !resident.empty()) {
                    // Known from another node: only its bound is to be set.
                    std::pair const key(std::pair(Limit::memory, i), resident);
                    auto const row = memory_row(i, resident);
                    if (auto const found = limits_.find(key); found != limits_.end()) {
                        if (current_[found->second].upper == infinity && activity(row, usage) > row.upper + 1e-7) {
                            current_[found->second].upper = row.upper;
                            bound_row(found->second, -infinity, row.upper);
                            added = true;
                        }
                    } else {
                        consider(Limit::memory, i, resident, row);
                    }
                }
            }
        }
        return added;
    }

    std::vector<std::size_t> resident_of(Node const& node, std::size_t device) const {
        std::vector<std::size_t> holdings;
        for (auto const& [where, held] : node.resident)
            if (where == device) holdings.push_back(held);
        std::ranges::sort(holdings);
        return holdings;
    }

    void add_packing(PackingRule rule) {
        packings_.insert(rule);
        Row row = limit_row(rule.device);
        row.packing = std::make_shared<PackingRule const>(std::move(rule));
        auto const r = add_row(std::move(row));
        current_.push_back({0, -infinity, 1});
        bound_row(r, -infinity, 1);
    }

    // Adds rows of Eq. 14 and 13 for segments that cannot be split, which the solution passes. True: there were some.
    bool separate_packings(Master::Solution const& solution) {
        std::vector<bool> used(devices_, false);
        std::vector<std::size_t> active;
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            if (solution.at(columns_[c].index) < 1e-9) continue;
            active.push_back(c);
            for (auto const device : columns_[c].placement.devices) used[device.index()] = true;
        }
        bool added = false;
        for (std::size_t i = 0; i < devices_; ++i) {
            if (!used[i]) continue;
            for (auto const kind : {Load::macs, Load::memory}) {
                auto const limit =
                    kind == Load::macs ? instance_.devices[i].macs.value() : instance_.devices[i].memory.value();
                auto const demand = demand_of(solution, active, i, kind);
                auto found = find_packing_rule(demand, i, kind, limit);
                budget_.spend(found.work);
                if (!found.rule || packings_.contains(*found.rule)) continue;
                add_packing(std::move(*found.rule));
                added = true;
            }
        }
        return added;
    }

    // Segments on the device, by load, in a solution.
    std::map<std::int64_t, double> demand_of(Master::Solution const& solution, std::vector<std::size_t> const& active,
                                             std::size_t device, Load kind) const {
        std::map<std::int64_t, double> demand;
        for (auto const c : active) {
            auto const& steps = choices_[columns_[c].placement.choice].steps;
            auto const& devices = columns_[c].placement.devices;
            std::int64_t part = 0;
            for (std::size_t s = 0; s < steps.size(); ++s) {
                if (devices[s].index() != device) continue;
                part += kind == Load::macs ? steps[s].macs.value() : steps[s].memory.value();
                if (s + 1 < steps.size() && devices[s + 1].index() == device) continue;
                if (part > 0) demand[part] += solution.at(columns_[c].index);
                part = 0;
            }
        }
        return demand;
    }

    // --- plans ---------------------------------------------------------------------------------------------------

    struct Value {
        double cost = infinity, latency = infinity;
        bool operator<(Value const& other) const {
            constexpr double same = 1e-12;
            return std::abs(cost - other.cost) > same ? cost < other.cost : latency < other.latency - same;
        }
    };

    Value value_of(std::vector<Placement> const& plan) const {
        Value value{0, 0};
        double loss = 0;
        for (auto const& placement : plan) {
            auto const column = column_of(placement);
            value.cost += column.cost;
            value.latency += column.latency;
            loss += 1 - choices_[placement.choice].accuracy;
        }
        if (loss > task_.loss_budget + 1e-9) return {};
        return value;
    }

    bool valid(std::vector<Placement> const& plan) const {
        Capacity capacity(instance_);
        for (auto const& placement : plan) {
            if (!capacity.fits(choices_[placement.choice], placement.devices)) return false;
            capacity.take(choices_[placement.choice], placement.devices);
        }
        return true;
    }

    // Takes the plan if it is complete, valid and better than the best one.
    bool offer(std::vector<Placement> const& plan) {
        if (plan.size() != task_.requests || !valid(plan)) return false;
        auto const value = task_.aim == Aim::shortage ? Value{0, 0} : value_of(plan);
        if (!(value < best_value_)) return false;
        best_value_ = value;
        best_.value = value.cost;
        best_.plan = plan;
        for (auto const& placement : plan) column(placement);
        return true;
    }

    // The plan that a solution is, when every column is taken a whole number of times, or every transition of every
    // drop set is.
    std::optional<std::vector<Placement>> whole_plan(Master::Solution const& solution) const {
        if (solution.x[slack_] > integral) return std::nullopt;
        for (auto const helper : helpers_)
            if (helper < solution.x.size() && solution.x[helper] > integral) return std::nullopt;
        std::vector<Placement> plan;
        for (auto const& column : columns_) {
            double const x = solution.at(column.index);
            double const whole = std::round(x);
            if (std::abs(x - whole) > integral) return std::nullopt;
            for (int n = 0; n < static_cast<int>(whole); ++n) plan.push_back(column.placement);
        }
        return plan;
    }

    Prices plain_prices() const {
        auto prices = free_prices();
        if (task_.aim == Aim::latency)  // at no loss of accuracy
            for (std::size_t c = 0; c < choices_.size(); ++c) prices.choice[c] += 1e3 * (1 - choices_[c].accuracy);
        return prices;
    }

    // One more request at these prices within what is left; the pricer is left restricted to that.
    std::optional<Placement> insert(Capacity const& capacity, Prices const& prices) {
        pricer_.restrict_to(capacity);
        auto const paths = pricer_.run(prices, infinity, 2);
        budget_.spend(1.3 * pricer_.work());
        for (auto const& path : paths)
            if (capacity.fits(choices_[path.choice], path.devices)) return Placement{path.choice, path.devices};
        if (paths.empty() || devices_ > 60) return std::nullopt;  // no path at all; or too many devices to try
        if (!placer_) placer_.emplace(instance_, works_, everybody_, Spread::anywhere);
        std::optional<Placement> best;
        double least = infinity;
        for (std::size_t c = 0; c < choices_.size(); ++c) {
            auto found = placer_->place(choices_[c], capacity, Seek::latency);
            budget_.spend(0.2 * pricer_.work());
            if (!found || !(cost_of(c, found->latency) < least)) continue;
            least = cost_of(c, found->latency);
            best = Placement{c, std::move(found->devices)};
        }
        return best;
    }

    // Adds requests at these prices until the plan is complete; false: it stays short.
    bool complete(std::vector<Placement>& plan, Capacity& capacity, Prices const& prices) {
        while (plan.size() < task_.requests) {
            auto placement = insert(capacity, prices);
            if (!placement) return false;
            capacity.take(choices_[placement->choice], placement->devices);
            plan.push_back(std::move(*placement));
        }
        return true;
    }

    // Places one request after the other at these prices, then improves and offers the plan.
    void guided(Prices const& prices) {
        std::vector<Placement> plan;
        Capacity capacity(instance_);
        if (complete(plan, capacity, prices)) improve(std::move(plan));
        pricer_.restrict_to(whole_);
    }

    // Takes out one request at a time and puts it where it is best, until nothing gets better.
    void improve(std::vector<Placement> plan) {
        auto value = value_of(plan);
        if (task_.aim == Aim::shortage) {
            offer(plan);
            return;
        }
        // Operations for every other request of a plan; of few requests they do not count.
        constexpr double work_of_request = 2000, few = 20;
        auto const prices = plain_prices();
        std::size_t since = 0;  // requests since the last improvement
        for (std::size_t r = 0; since < plan.size() && !budget_.spent(); r = (r + 1) % plan.size(), ++since) {
            budget_.spend(work_of_request * std::max(0.0, static_cast<double>(plan.size()) - few));
            Capacity capacity(instance_);
            for (std::size_t q = 0; q < plan.size(); ++q)
                if (q != r) capacity.take(choices_[plan[q].choice], plan[q].devices);
            auto placement = insert(capacity, prices);
            if (!placement) continue;
            auto changed = plan;
            changed[r] = std::move(*placement);
            auto const improved = value_of(changed);
            if (improved < value) {
                value = improved;
                plan = std::move(changed);
                since = 0;
            }
        }
        pricer_.restrict_to(whole_);
        offer(plan);
    }

    // Fixes the column that the relaxation likes best, solves again, and so on until every request has a path.
    void dive(Node const& node, Master::Solution solution) {
        std::vector<Placement> plan;
        Capacity capacity(instance_);
        std::vector<double> fixed(columns_.size(), 0);
        Prices prices = prices_at(cleaned(solution.y));
        while (plan.size() < task_.requests && !budget_.spent()) {
            std::size_t best = columns_.size();
            double most = 1e-6;
            fixed.resize(columns_.size(), 0);
            for (std::size_t c = 0; c < columns_.size(); ++c) {
                double const x = solution.at(columns_[c].index) - fixed[c];
                if (x > most && capacity.fits(choices_[columns_[c].placement.choice], columns_[c].placement.devices)) {
                    most = x;
                    best = c;
                }
            }
            if (best == columns_.size()) break;
            capacity.take(choices_[columns_[best].placement.choice], columns_[best].placement.devices);
            plan.push_back(columns_[best].placement);
            fixed[best] += 1;
            if (plan.size() == task_.requests) break;
            for (std::size_t c = 0; c < columns_.size(); ++c) {
                bool const fits = capacity.fits(choices_[columns_[c].placement.choice], columns_[c].placement.devices);
                if (columns_[c].index != nobody)
                    master_.bound_column(columns_[c].index, fixed[c], fits ? infinity : fixed[c]);
            }
            pricer_.restrict_to(capacity);
            for (int round = 0; round < 4; ++round) {
                solution = solve_master();
                if (!solution.optimal) break;
                prices = prices_at(cleaned(solution.y));
                double const pi = solution.y[0];
                auto const paths = pricer_.run(prices, pi - 1e-7 * std::max(1.0, std::abs(pi)), 2);
                budget_.spend(1.2 * pricer_.work());
                std::size_t added = 0;
                for (auto const& path : paths)
                    if (added < columns_per_round && capacity.fits(choices_[path.choice], path.devices) &&
                        column({path.choice, path.devices}))
                        ++added;
                if (added == 0) break;
            }
            if (!solution.optimal) break;
        }
        for (auto const& column : columns_)
            if (column.index != nobody) master_.bound_column(column.index, 0, infinity);
        if (complete(plan, capacity, prices)) improve(std::move(plan));
        pricer_.restrict_to(whole_);
        enter(node);
    }

    // --- enumeration ---------------------------------------------------------------------------------------------

    // After relax(): when few paths can be part of a plan that is worth finding, tries all their combinations. True:
    // the node is done, and what it holds that is better than the best plan, has become it. When they are many, the
    // cheapest ones are tried for a better plan, which leaves fewer; more of them in a thorough attempt.
    bool finish(Node& node, bool thorough) {
        constexpr std::size_t most_requests = 4;
        constexpr double least_share = 0.05, shrink = 0.8;
        if (task_.requests > most_requests || best_.value == infinity || task_.aim == Aim::shortage) return false;
        double const lowest = pricer_.lowest();
        double share = 1;
        for (std::size_t const most : {1000U, 5000U, 30000U}) {
            if (!thorough && most > 5000U) break;
            for (;;) {
                auto found = paths_within(lowest + share * room(), most);
                while (!found && thorough && share * shrink > least_share) {
                    share *= shrink;
                    found = paths_within(lowest + share * room(), most);
                }
                if (!found) break;
                auto const before = best_.value;
                if (!combine(*found, lowest, share * room())) return false;
                if (share == 1) {
                    // What is left out is at least as dear as this.
                    node.bound = std::max(node.bound, best_.value - tolerance());
                    closed_ = std::min(closed_, node.bound);
                    return true;
                }
                if (best_.value == before) break;
                share = 1;
            }
            if (thorough && share * shrink <= least_share) return false;
            share = std::min(1.0, share / (shrink * shrink * shrink));
        }
        return false;
    }

    // By how much the requests of a plan that is worth finding may together be dearer than the cheapest path.
    double room() const { return best_.value - tolerance() - last_bound_ + requests_ * slack_in_bound_; }

    // Paths below the price, at the prices of the last run; nothing when there are too many.
    std::optional<std::vector<PricedPath>> paths_within(double limit, std::size_t most) {
        constexpr double work_of_path = 300;
        double const before = budget_.left();
        // Where paths are few and dead ends many, it is given up at some times what so many paths take, and sooner and
        // sooner.
        Budget allowance(budget_, patience_ * work_of_path * static_cast<double>(most));
        auto found = pricer_.enumerate(limit, most, allowance);
        if (allowance.spent()) patience_ = std::max(1.0, patience_ / 2);
        // They are looked at once more.
        double const least = work_of_path * static_cast<double>(found ? found->size() : most);
        budget_.spend(std::max(0.0, least - (before - budget_.left())));
        return found;
    }

    struct Use {
        std::vector<std::int64_t> macs;      // per device
        std::vector<double> memory, energy;  // likewise; memory without weights
        double cost = 0;
        double loss = 0;  // 1 − accuracy where that is limited
    };

    struct Combination {
        std::vector<PricedPath> const& paths;  // by price
        std::vector<Use> const& uses;          // of each
        Meter& meter;
        std::vector<double> cost;                          // of each, without duals
        std::size_t lanes;                                 // devices, rounded up to whole vectors
        std::vector<std::int16_t> load;                    // [paths × lanes] compute in units of unit, rounded down
        std::vector<std::int16_t> limit;                   // [lanes]
        std::vector<std::vector<std::uint64_t>> partners;  // per path: bits of those from it on that may fit beside it
        std::vector<std::size_t> taken;
        double lowest = 0, room = 0;  // of prices; of the excess over it, all requests together
    };

    // Drops the paths that no device has room for and, of those that compute the same on every device, all but the
    // cheapest (then the one with the lowest price), unless memory or energy could tell them apart: a plan of cheapest
    // ones is in some node if any plan is. Returns what those left use.
    std::vector<Use> leave_cheapest(std::vector<PricedPath>& paths) const {
        std::vector<Use> uses;
        std::vector<double> memory(devices_), energy(devices_), most_memory(devices_, 0), most_energy(devices_, 0);
        std::size_t kept = 0;
        for (auto& path : paths) {
            auto const column = column_of({path.choice, path.devices});
            Use use{std::vector<std::int64_t>(devices_, 0),
                    std::vector<double>(devices_, 0),
                    {},
                    column.cost,
                    task_.aim == Aim::latency ? 1 - choices_[path.choice].accuracy : 0};
            std::ranges::fill(memory, 0);
            std::ranges::fill(energy, 0);
            auto const& steps = choices_[path.choice].steps;
            for (std::size_t s = 0; s < steps.size(); ++s) {
                auto const i = path.devices[s].index();
                use.macs[i] += steps[s].macs.value();
                use.memory[i] += static_cast<double>(steps[s].memory.value());
                Bytes weights{};
                for_each_holding(instance_, steps[s], [&](std::size_t held, Bytes) {
                    weights += weights_needed(instance_, path.devices[s], held);
                });
                memory[i] += static_cast<double>((steps[s].memory + weights).value());
                energy[i] += instance_.devices[i].power_compute.value() *
                             reserved_time(instance_, steps[s], path.devices[s]).value();
            }
            for (auto const& hop : column.hops) {
                energy[hop.from] += instance_.devices[hop.from].power_transmit.value() * hop.seconds;
                energy[hop.to] += instance_.devices[hop.to].power_receive.value() * hop.seconds;
            }
            bool fits = true;
            for (std::size_t i = 0; i < devices_; ++i)
                fits = fits && use.macs[i] <= instance_.devices[i].macs.value() &&
                       energy[i] <= instance_.devices[i].energy.value() * (1 + 1e-9);
            if (!fits) continue;
            for (std::size_t i = 0; i < devices_; ++i) {
                most_memory[i] = std::max(most_memory[i], memory[i]);
                most_energy[i] = std::max(most_energy[i], energy[i]);
            }
            use.energy = energy;
            uses.push_back(std::move(use));
            if (&paths[kept] != &path) paths[kept] = std::move(path);
            ++kept;
        }
        paths.resize(kept);
        for (std::size_t i = 0; i < devices_; ++i)
            if (requests_ * most_memory[i] > static_cast<double>(instance_.devices[i].memory.value()) ||
                requests_ * most_energy[i] > instance_.devices[i].energy.value())
                return uses;
        std::vector<std::size_t> order(kept);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
            return std::tie(uses[a].macs, uses[a].loss, uses[a].cost, a) <
                   std::tie(uses[b].macs, uses[b].loss, uses[b].cost, b);
        });
        std::vector<bool> gone(kept, false);
        for (std::size_t o = 1; o < kept; ++o)
            gone[order[o]] =
                uses[order[o]].macs == uses[order[o - 1]].macs && uses[order[o]].loss == uses[order[o - 1]].loss;
        std::size_t next = 0;
        for (std::size_t p = 0; p < kept; ++p) {
            if (gone[p]) continue;
            if (next != p) {
                paths[next] = std::move(paths[p]);
                uses[next] = std::move(uses[p]);
            }
            ++next;
        }
        paths.resize(next);
        uses.resize(next);
        return uses;
    }

    // Tries all combinations of the paths that leave room. False: there are too many, or the budget is spent.
    bool combine(std::vector<PricedPath>& paths, double lowest, double room) {
        constexpr std::size_t vector = 16;
        constexpr double full = 16000;  // two of it are still a std::int16_t
        std::ranges::stable_sort(paths, {}, &PricedPath::price);
        double most = 1;
        for (auto const& device : instance_.devices) most = std::max(most, static_cast<double>(device.macs.value()));
        auto const unit = static_cast<std::int64_t>(most / full) + 1;
        auto const uses = leave_cheapest(paths);
        Budget attempt(most_combining, budget_.seconds_left());
        std::optional<Meter> meter(std::in_place, attempt);
        Combination all{paths, uses, *meter, {}, (devices_ + vector - 1) / vector * vector, {}, {}, {}, {}};
        all.lowest = lowest;
        all.room = room;
        all.partners.resize(paths.size());
        all.limit.assign(all.lanes, 0);
        for (std::size_t i = 0; i < devices_; ++i)
            all.limit[i] = static_cast<std::int16_t>(instance_.devices[i].macs.value() / unit);
        all.load.assign(paths.size() * all.lanes, 0);
        for (std::size_t p = 0; p < paths.size(); ++p) {
            all.cost.push_back(uses[p].cost);
            for (std::size_t i = 0; i < devices_; ++i)
                all.load[p * all.lanes + i] = static_cast<std::int16_t>(uses[p].macs[i] / unit);
        }
        std::vector<std::uint64_t> const everything((paths.size() + 63) / 64, ~std::uint64_t{0});
        bool const done = combine(all, 0, everything, 0);
        meter.reset();
        budget_.spend(most_combining - attempt.left());
        return done;
    }

    // Whether devices may have room for the paths that are taken; no, only where they surely have not.
    bool has_room(Combination const& all) const {
        for (std::size_t i = 0; i < devices_; ++i) {
            double memory = 0, energy = 0;
            for (auto const p : all.taken) {
                memory += all.uses[p].memory[i];
                energy += all.uses[p].energy[i];
            }
            auto const& device = instance_.devices[i];
            if (memory > static_cast<double>(device.memory.value()) || energy > device.energy.value() * (1 + 1e-6))
                return false;
        }
        return true;
    }

    // Every way to complete what is taken, from the path `next` on; spent: excess over the lowest price so far.
    bool combine(Combination& all, std::size_t next, std::vector<std::uint64_t> const& allowed, double spent) {
        auto const missing = task_.requests - all.taken.size();
        if (missing == 0) {
            if (!all.meter.work(20)) return false;
            double cost = 0;
            for (auto const p : all.taken) cost += all.cost[p];
            if (cost >= best_.value - tolerance()) return true;
            if (!all.meter.work(static_cast<double>(3 * devices_ * all.taken.size()))) return false;
            if (!has_room(all)) return true;
            std::vector<Placement> plan;
            for (auto const p : all.taken) plan.push_back({all.paths[p].choice, all.paths[p].devices});
            all.meter.work(5000);
            if (offer(plan)) all.room = std::min(all.room, room());
            return true;
        }
        for (std::size_t p = next; p < all.paths.size(); ++p) {
            double const excess = all.paths[p].price - all.lowest;
            if (spent + static_cast<double>(missing) * excess >= all.room) break;
            if (!(allowed[p / 64] >> (p % 64) & 1)) {
                if (allowed[p / 64] == 0) p |= 63;  // to the next word
                continue;
            }
            if (!all.meter.work(0)) return false;
            all.taken.push_back(p);
            bool done = true;
            if (missing > 1) {
                auto both = partners(all, p);
                for (std::size_t w = 0; w < both.size(); ++w) both[w] &= allowed[w];
                all.meter.work(static_cast<double>(both.size()) + 100);
                done = combine(all, p, both, spent + excess);
            } else {
                done = combine(all, p, allowed, spent + excess);
            }
            all.taken.pop_back();
            if (!done) return false;
        }
        return true;
    }

    // The paths from p on that fit beside it, as far as compute goes.
    std::vector<std::uint64_t> const& partners(Combination& all, std::size_t p) const {
        auto& bits = all.partners[p];
        if (!bits.empty()) return bits;
        bits.assign((all.paths.size() + 63) / 64, 0);
        std::vector<std::int16_t> rest(all.limit);  // what p leaves
        for (std::size_t i = 0; i < all.lanes; ++i)
            rest[i] = static_cast<std::int16_t>(rest[i] - all.load[p * all.lanes + i]);
        std::int16_t const* const left = rest.data();
        for (std::size_t q = p; q < all.paths.size(); ++q) {
            std::int16_t const* const load = &all.load[q * all.lanes];
            std::int16_t over = 0;
            for (std::size_t v = 0; v < all.lanes; v += 16)
                for (std::size_t i = 0; i < 16; ++i)
                    over = static_cast<std::int16_t>(over | static_cast<std::int16_t>(left[v + i] - load[v + i]));
            if (over >= 0) bits[q / 64] |= std::uint64_t{1} << (q % 64);
        }
        all.meter.work(8.0 * static_cast<double>(all.paths.size() - p));
        return bits;
    }

    // --- branching -----------------------------------------------------------------------------------------------

    static double fraction(double value) { return std::abs(value - std::round(value)); }

    std::vector<Node> split(Node const& node, std::size_t row, double value) const {
        std::vector<Node> children(2, node);
        children[0].restrictions.push_back({row, -infinity, std::floor(value)});
        children[1].restrictions.push_back({row, std::ceil(value), infinity});
        return children;
    }

    std::vector<Node> branch(Node const& node, Master::Solution const& solution) {
        // How many requests take a drop set.
        std::vector<double> counts(choices_.size(), 0);
        for (auto const& column : columns_) counts[column.placement.choice] += solution.at(column.index);
        std::size_t best = choices_.size();
        double most = 0.05;
        for (std::size_t c = 0; c < choices_.size(); ++c)
            if (fraction(counts[c]) > most) {
                most = fraction(counts[c]);
                best = c;
            }
        auto const by_choice = [&]() {
            Row row;
            row.choice.assign(choices_.size(), 0);
            row.choice[best] = 1;
            return split(node, branch_row({0, best, 0, 0, 0}, std::move(row)), counts[best]);
        };
        // How many run a block on a device.
        auto const usage = usage_of(solution);
        std::size_t work = 0, device = devices_;
        double most_work = 1e-5;
        for (std::size_t w = 0; w < works_.size(); ++w)
            for (std::size_t i = 0; i < devices_; ++i) {
                double const weight = static_cast<double>(works_[w].macs.value());
                double const score = fraction(usage.work[w * devices_ + i]);
                if (score * (1 + 1e-12 * weight) > most_work) {
                    most_work = score * (1 + 1e-12 * weight);
                    work = w;
                    device = i;
                }
            }
        if (best < choices_.size() && (most >= 0.2 || device == devices_)) return by_choice();
        if (device < devices_) {
            Row row = limit_row(device);
            row.upper = infinity;
            row.work[work] = 1;
            return split(node, branch_row({1, work, device, 0, 0}, std::move(row)),
                         usage.work[work * devices_ + device]);
        }
        // How many go from a block on one device to the next, of all drop sets, then of each.
        for (bool const all : {true, false}) {
            std::map<std::vector<std::size_t>, double> transitions;
            for (auto const& column : columns_) {
                double const x = solution.at(column.index);
                if (x < 1e-9) continue;
                auto const choice = column.placement.choice;
                auto const& steps = choices_[choice].steps;
                for (std::size_t s = 0; s + 1 < steps.size(); ++s)
                    transitions[{all ? 2U : 3U, all ? 0 : choice, steps[s].block.index(),
                                 column.placement.devices[s].index(), column.placement.devices[s + 1].index()}] += x;
            }
            double most_going = 1e-5;
            std::vector<std::size_t> going;
            for (auto const& [key, value] : transitions)
                if (fraction(value) > most_going) {
                    most_going = fraction(value);
                    going = key;
                }
            if (!going.empty()) {
                Row row;
                row.transition = true;
                row.transition_choice = all ? everyone : going[1];
                row.block = going[2];
                row.from = going[3];
                row.to = going[4];
                return split(node, branch_row(going, std::move(row)), transitions[going]);
            }
        }
        // All counts are whole: what transitions there are make a plan. It may still be one that holds too many
        // weights.
        auto const plan = decomposed(solution);
        if (plan.size() == task_.requests && offer(plan)) return {};
        if (instance_.memory == MemoryModel::resident)
            for (std::size_t i = 0; i < devices_; ++i) {
                auto const resident = resident_of(node, i);
                double held = 0, used = 0;
                auto const weights = [&](std::size_t j) { return weights_needed(instance_, DeviceId(i), j); };
                std::size_t heaviest = nobody;
                for (std::size_t w = 0; w < works_.size(); ++w)
                    used += usage.work[w * devices_ + i] * static_cast<double>(works_[w].memory.value());
                for (std::size_t j = 0; j < holdings_of(instance_); ++j) {
                    double users = 0;
                    for (auto const w : works_that_need(j)) users += usage.work[w * devices_ + i];
                    if (users < 0.5) continue;
                    held += static_cast<double>(weights(j).value());
                    if (std::ranges::find(resident, j) == resident.end() &&
                        (heaviest == nobody || weights(j) > weights(heaviest)))
                        heaviest = j;
                }
                if (used + held <= static_cast<double>(instance_.devices[i].memory.value()) || heaviest == nobody)
                    continue;
                Row row = limit_row(i);
                row.upper = infinity;
                for (auto const w : works_that_need(heaviest)) row.work[w] = 1;
                auto const r = branch_row({4, heaviest, i, 0, 0}, std::move(row));
                std::vector<Node> children(2, node);
                children[0].restrictions.push_back({r, -infinity, 0});
                children[1].restrictions.push_back({r, 1, infinity});
                children[1].resident.emplace_back(i, heaviest);
                return children;
            }
        return {};
    }

    std::size_t branch_row(std::vector<std::size_t> const& key, Row row) {
        auto const [found, fresh] = branches_.emplace(key, rows_.size());
        if (!fresh) return found->second;
        auto const r = add_row(std::move(row));
        current_.push_back({0, rows_[r].lower, rows_[r].upper});
        // Keeps the programme feasible where the columns at hand cannot reach a lower bound.
        helpers_.push_back(master_.add_column(std::max(slack_cost_, 10.0), 0, infinity, {{rows_[r].index, 1.0}}));
        owners_.resize(helpers_.back() + 1, nobody);
        return r;
    }

    // Paths along whole transitions, drop set by drop set.
    std::vector<Placement> decomposed(Master::Solution const& solution) const {
        std::vector<Placement> plan;
        for (std::size_t c = 0; c < choices_.size(); ++c) {
            auto const steps = choices_[c].steps.size();
            std::vector<std::map<std::pair<std::size_t, std::size_t>, double>> going(steps);
            std::vector<double> begin(devices_, 0);
            for (auto const& column : columns_) {
                if (column.placement.choice != c) continue;
                double const x = solution.at(column.index);
                if (x < 1e-9) continue;
                auto const& devices = column.placement.devices;
                begin[devices.front().index()] += x;
                for (std::size_t s = 0; s + 1 < steps; ++s) going[s][{devices[s].index(), devices[s + 1].index()}] += x;
            }
            for (std::size_t i = 0; i < devices_; ++i)
                for (; begin[i] > 0.5; begin[i] -= 1) {
                    Placement placement{c, {DeviceId(i)}};
                    for (std::size_t s = 0; s + 1 < steps; ++s)
                        for (auto& [pair, x] : going[s])
                            if (pair.first == placement.devices.back().index() && x > 0.5) {
                                x -= 1;
                                placement.devices.emplace_back(pair.second);
                                break;
                            }
                    if (placement.devices.size() == steps) plan.push_back(std::move(placement));
                }
        }
        return plan;
    }

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    Task task_;
    Budget& budget_;
    std::vector<Step> works_;
    mutable std::vector<std::vector<std::size_t>> needing_;  // works by holding; made when first needed
    std::size_t devices_;
    double requests_;
    double unit_;
    Pricer pricer_;
    Capacity whole_;
    std::vector<DeviceId> everybody_;
    std::optional<Placer> placer_;

    double per_second_ = 0;  // cost of a second
    std::vector<double> choice_cost_;
    double pricing_seconds_ = 0;  // per_second_, or a little more where that is 0
    double slack_in_bound_ = 0;   // per request
    double last_bound_ = 0;       // at the prices of the pricer's last run in relax()
    double slack_cost_ = 0;       // of a request that finds no place

    Master master_;
    std::size_t slack_ = 0;
    std::vector<Column> columns_;      // all that were ever made
    std::vector<std::size_t> owners_;  // of the master's columns: index into columns_, or nobody
    std::map<std::vector<std::int32_t>, std::size_t> known_;
    std::vector<Row> rows_;
    std::vector<Restriction> current_;                // bounds of the rows in the node at hand
    std::vector<std::pair<double, double>> applied_;  // … in the master
    std::map<std::pair<std::pair<Limit, std::size_t>, std::vector<std::size_t>>, std::size_t> limits_;
    std::set<PackingRule> packings_;
    std::map<std::vector<std::size_t>, std::size_t> branches_;
    std::vector<std::size_t> helpers_;  // the columns that stand in for what branches ask for
    std::size_t created_ = 0;

    double patience_ = 10;      // with dead ends
    double closed_ = infinity;  // least bound of the nodes that are done
    Outcome best_;
    Value best_value_;
};

}  // namespace

Outcome search(Instance const& instance, std::vector<Choice> const& choices, Task const& task,
               std::vector<std::vector<Placement>> const& start, Budget& budget) {
    SKIPSTONE_EXPECT(!choices.empty() && task.requests > 0);
    // Tolerances are absolute: costs far from 1 are scaled.
    constexpr double least = 1e-4, most = 1e4;
    double unit = 1;
    if (task.aim != Aim::shortage && !start.empty()) {
        double cost = 0;
        for (auto const& placement : start.front()) {
            auto const& choice = choices[placement.choice];
            auto const latency = expected_cost(instance, request_plan(instance, choice, placement.devices)).latency;
            double const delay = latency.value() / instance.reference_latency.value();
            cost += task.aim == Aim::cost ? instance.alpha * delay + instance.beta * (1 - choice.accuracy) : delay;
        }
        cost /= static_cast<double>(task.requests);
        if (cost > 0 && (cost < least || cost > most))
            unit = std::exp2(std::clamp(-std::round(std::log2(cost)), -300.0, 300.0));
    }
    return Search(instance, choices, task, budget, unit).run(start);
}

}  // namespace skipstone::planner
