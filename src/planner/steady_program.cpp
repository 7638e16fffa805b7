#include "planner/steady_program.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "model/cost_model.hpp"
#include "planner/master.hpp"

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double no_way = 1e5;             // periods: what a request costs that takes no way
constexpr double split_work = 2e7;         // of one pricing
constexpr std::size_t most_new_ways = 40;  // of one pricing
constexpr std::size_t most_pool = 3000;
constexpr int most_pricings = 400;
constexpr double tiny = 1e-9;

}  // namespace

SteadyProgram::SteadyProgram(Instance const& instance, std::vector<Choice> const& choices, Medium medium,
                             std::vector<double> copies)
    : instance_(instance),
      choices_(choices),
      medium_(medium),
      copies_(std::move(copies)),
      items_(instance),
      pricer_(instance, choices, items_) {
    auto const devices = instance.devices.size();
    copies_.resize(devices, 1);
    possible_.assign(items_.count() * devices, 0);
    for (std::size_t item = 0; item < items_.count(); ++item)
        for (std::size_t i = 0; i < devices; ++i) {
            InstanceDevice const& device = instance.devices[i];
            bool const fits = items_.least_memory(item) + items_.weights(item, DeviceId(i)) <= device.memory;
            possible_[item * devices + i] = fits && !device.off && device.mac_rate.value() > 0;
        }
}

double SteadyProgram::copies_of(std::size_t resource) const {
    auto const devices = instance_.devices.size();
    if (resource < devices) return copies_[resource];
    auto const place = resource - devices;
    return medium_ == Medium::radio ? copies_[place] : copies_[place / devices] * copies_[place % devices];
}

SteadyProgram::Column SteadyProgram::column_of(RequestPlan plan) const {
    auto const devices = instance_.devices.size();
    auto const graph = task_graph(instance_, plan);
    Column column;
    column.uses = uses_of(instance_, plan, graph, medium_);
    for (Task const& task : graph.tasks)
        if (!task.joins()) column.held.push_back(items_.of(task) * devices + task.device.index());
    for (auto const& [i, energy] : reserved_energy(instance_, plan, graph))
        column.energy.emplace_back(i, energy.value());
    column.plan = std::move(plan);
    return column;
}

// One solution.
class SteadyProgram::Run {
  public:
    Run(SteadyProgram& program, SteadyLimits const& limits, double gap, Budget& budget)
        : program_(program),
          limits_(limits),
          gap_(gap),
          budget_(budget),
          devices_(program.instance_.devices.size()),
          allowed_(limits.allowed.empty() ? program.possible_ : limits.allowed) {
        for (std::size_t k = 0; k < allowed_.size(); ++k) {
            allowed_[k] = allowed_[k] && program.possible_[k];
            auto const i = k % devices_;
            if (!limits.memory.empty() && limits.memory[i] <= 0 && limits.weight[k] > 0) allowed_[k] = 0;
        }
    }

    Steady run(std::vector<RequestPlan> const& start) {
        first_prices(start);
        build();
        for (int pricing = 0; pricing < most_pricings && !budget_.spent(); ++pricing) {
            solution_ = solve();
            if (!solution_.optimal) break;
            auto const prices = prices_of(solution_);
            auto const least = price(prices);
            keep(prices, least);
            double const period = solution_.objective * unit_;
            if (solution_.at(no_way_) < tiny && period - best_.bound <= gap_ * period) break;
            bool added = false;
            for (RequestPlan& plan : found_) added |= add_if_cheaper(program_.column_of(std::move(plan)), prices);
            if (added) continue;
            // No way is worth its place, and still some requests find none: they cannot all run.
            if (solution_.at(no_way_) > 1e-6) best_.bound = infinity;
            break;
        }
        finish();
        return std::move(best_);
    }

  private:
    struct Prices {
        std::map<std::size_t, double> resource;  // per second
        std::vector<double> memory;              // per byte
        std::vector<double> energy;              // per J
    };

    bool may(Column const& column) const {
        return std::ranges::all_of(column.held, [&](std::size_t k) { return allowed_[k] != 0; }) &&
               std::ranges::all_of(column.uses, [](Use const& use) { return use.seconds < infinity; });
    }

    // Prices with which a second costs as much on each device as it computes in it: without limits nothing is better.
    void first_prices(std::vector<RequestPlan> const& start) {
        auto const& instance = program_.instance_;
        Prices prices;
        prices.memory.assign(devices_, 0);
        prices.energy.assign(devices_, 0);
        for (std::size_t i = 0; i < devices_; ++i) {
            double time = 0;
            for (std::size_t j = 0; j < instance.blocks.size(); ++j) {
                double const one = compute_time(instance, BlockId(j), BlockMode::full, DeviceId(i)).value();
                if (std::isfinite(one)) time += one;
            }
            if (time > 0 && !instance.devices[i].off) prices.resource[i] = 1 / time;
        }
        if (prices.resource.empty())
            for (std::size_t i = 0; i < devices_; ++i) prices.resource[i] = 1;
        auto const least = price(prices);
        unit_ = 1;
        keep(prices, least);
        for (auto& column : program_.pool_)
            if (may(column)) columns_.push_back(std::move(column));
        program_.pool_.clear();
        for (auto const& plan : start) take(program_.column_of(plan));
        for (RequestPlan& plan : found_) take(program_.column_of(std::move(plan)));
        unit_ = best_.bound;
        if (!(unit_ > 0))
            for (Column const& column : columns_)
                for (Use const& use : column.uses) unit_ = std::max(unit_, use.seconds);
        if (!(unit_ > 0) || !std::isfinite(unit_)) unit_ = 1;
    }

    bool take(Column column) {
        if (!may(column) || !known_.insert(name_of(column.plan)).second) return false;
        columns_.push_back(std::move(column));
        return true;
    }

    // Two ways are the same if these are.
    static std::vector<std::int32_t> name_of(RequestPlan const& plan) {
        std::vector<std::int32_t> name;
        for (auto const id : plan.dropped) name.push_back(id.value());
        name.push_back(-2);
        for (auto const id : plan.devices) name.push_back(id.value());
        for (auto const& way : plan.splits) {
            name.insert(name.end(), {-3, way.block.value(), static_cast<std::int32_t>(way.split.kind)});
            for (auto const id : way.parts) name.push_back(id.value());
        }
        return name;
    }

    void build() {
        one_ = master_.add_row(1, 1, {});
        for (std::size_t i = 0; i < devices_; ++i) {
            rows_[i] = master_.add_row(-infinity, 0, {});
            if (program_.medium_ == Medium::radio) rows_[devices_ + i] = master_.add_row(-infinity, 0, {});
        }
        for (std::size_t i = 0; i < devices_; ++i) {
            if (!limits_.memory.empty() && limits_.memory[i] > 0)
                memory_rows_[i] = master_.add_row(-infinity, program_.copies_[i], {});
            if (!limits_.energy.empty() && std::isfinite(limits_.energy[i]))
                energy_rows_[i] = master_.add_row(-infinity, std::max(limits_.energy[i], 0.0), {});
        }
        std::vector<Master::Entry> entries;
        for (auto const& [resource, row] : rows_) entries.push_back({row, -program_.copies_of(resource)});
        period_ = master_.add_column(1, 0, infinity, entries);
        no_way_ = master_.add_column(no_way, 0, infinity, {{one_, 1}});
        for (Column const& column : columns_) add(column);
    }

    void add(Column const& column) {
        std::vector<Master::Entry> entries{{one_, 1}};
        for (Use const& use : column.uses)
            if (auto const row = rows_.find(use.resource); row != rows_.end())
                entries.push_back({row->second, use.seconds / unit_});
        std::map<std::size_t, double> weights;
        if (!memory_rows_.empty())
            for (auto const k : column.held)
                if (limits_.weight[k] > 0 && memory_rows_.contains(k % devices_))
                    weights[k % devices_] += limits_.weight[k] / limits_.memory[k % devices_];
        for (auto const& [i, weight] : weights) entries.push_back({memory_rows_.at(i), weight});
        for (auto const& [i, joules] : column.energy)
            if (auto const row = energy_rows_.find(i); row != energy_rows_.end())
                entries.push_back({row->second, joules});
        places_.push_back(master_.add_column(0, 0, infinity, entries));
    }

    // The solution over the columns that there are; links get rows when they are too busy.
    Master::Solution solve() {
        for (;;) {
            auto solution = master_.solve();
            budget_.spend(2e3 * static_cast<double>(rows_.size() + 10) + 20.0 * static_cast<double>(columns_.size()) +
                          static_cast<double>(solution.iterations) * 50 * static_cast<double>(rows_.size() + 20));
            if (!solution.optimal || program_.medium_ == Medium::radio) return solution;
            std::map<std::size_t, double> busy;
            for (std::size_t c = 0; c < columns_.size(); ++c) {
                double const x = solution.at(places_[c]);
                if (x < tiny) continue;
                for (Use const& use : columns_[c].uses)
                    if (!rows_.contains(use.resource)) busy[use.resource] += x * use.seconds / unit_;
            }
            std::vector<std::size_t> wanted;
            for (auto const& [resource, seconds] : busy)
                if (seconds > program_.copies_of(resource) * solution.at(period_) * (1 + 1e-7))
                    wanted.push_back(resource);
            if (wanted.empty() || budget_.spent()) return solution;
            for (auto const resource : wanted) add_row(resource);
        }
    }

    void add_row(std::size_t resource) {
        std::vector<Master::Entry> entries{{period_, -program_.copies_of(resource)}};
        for (std::size_t c = 0; c < columns_.size(); ++c)
            for (Use const& use : columns_[c].uses)
                if (use.resource == resource) entries.push_back({places_[c], use.seconds / unit_});
        rows_[resource] = master_.add_row(-infinity, 0, entries);
    }

    Prices prices_of(Master::Solution const& solution) const {
        Prices prices;
        for (auto const& [resource, row] : rows_)
            if (double const y = -solution.y[row]; y > 0) prices.resource[resource] = y / unit_;
        prices.memory.assign(devices_, 0);
        for (auto const& [i, row] : memory_rows_)
            prices.memory[i] = std::max(0.0, -solution.y[row]) / limits_.memory[i];
        prices.energy.assign(devices_, 0);
        for (auto const& [i, row] : energy_rows_) prices.energy[i] = std::max(0.0, -solution.y[row]);
        return prices;
    }

    // The cheapest way's price; found_: the cheapest ways.
    double price(Prices const& prices) {
        auto const& instance = program_.instance_;
        WayPrices way;
        way.compute.assign(devices_, 0);
        way.send.assign(devices_, 0);
        way.receive.assign(devices_, 0);
        bool const apart = !instance.exits.empty() && !instance.reserve_expected;
        if (apart) way.reserve = {way.compute, way.send, way.receive};
        auto& compute = apart ? way.reserve->compute : way.compute;
        auto& send = apart ? way.reserve->send : way.send;
        auto& receive = apart ? way.reserve->receive : way.receive;
        for (std::size_t i = 0; i < devices_; ++i) {
            InstanceDevice const& device = instance.devices[i];
            double const joule = prices.energy[i];
            if (joule > 0) {
                compute[i] += joule * device.power_compute.value();
                send[i] += joule * device.power_transmit.value();
                receive[i] += joule * device.power_receive.value();
            }
        }
        for (auto const& [resource, second] : prices.resource) {
            if (resource < devices_) {
                way.compute[resource] += second;
            } else if (program_.medium_ == Medium::radio) {
                way.send[resource - devices_] += second;
                way.receive[resource - devices_] += second;
            } else {
                if (way.link.empty()) way.link.assign(devices_ * devices_, 0);
                way.link[resource - devices_] = second;
            }
        }
        way.hold.assign(allowed_.size(), infinity);
        for (std::size_t k = 0; k < allowed_.size(); ++k)
            if (allowed_[k]) way.hold[k] = limits_.memory.empty() ? 0 : prices.memory[k % devices_] * limits_.weight[k];
        auto answer = program_.pricer_.run(way, most_new_ways, split_work);
        budget_.spend(answer.work);
        found_ = std::move(answer.ways);
        return answer.bound;
    }

    // What these prices prove: any shares keep a weighted mean of all processors, links and radios busy at least so
    // long.
    void keep(Prices const& prices, double least) {
        double all = 0, held = 0;
        for (auto const& [resource, second] : prices.resource) all += second * program_.copies_of(resource);
        for (std::size_t i = 0; i < devices_; ++i) {
            if (!limits_.memory.empty() && limits_.memory[i] > 0)
                held += prices.memory[i] * limits_.memory[i] * program_.copies_[i];
            if (!limits_.energy.empty() && std::isfinite(limits_.energy[i]))
                held += prices.energy[i] * std::max(limits_.energy[i], 0.0);
        }
        if (!(all > 0)) return;
        double const bound = (least - held) / all * (1 - 1e-10);  // sums are rounded
        if (!(bound > best_.bound) && !best_.speed.empty()) return;
        best_.bound = std::max(bound, 0.0);
        best_.speed.clear();
        for (auto const& [resource, second] : prices.resource) best_.speed[resource] = second / all;
        best_.memory.assign(devices_, 0);
        for (std::size_t i = 0; i < devices_; ++i) best_.memory[i] = prices.memory[i] / all;
    }

    bool add_if_cheaper(Column column, Prices const& prices) {
        double reduced = -solution_.y[one_];
        for (Use const& use : column.uses)
            if (auto const price = prices.resource.find(use.resource); price != prices.resource.end())
                reduced += price->second * use.seconds;
        for (auto const k : column.held)
            if (!limits_.memory.empty() && limits_.memory[k % devices_] > 0)
                reduced += prices.memory[k % devices_] * limits_.weight[k];
        for (auto const& [i, joules] : column.energy) reduced += prices.energy[i] * joules;
        if (reduced > -tiny * std::max(1.0, std::abs(solution_.y[one_]))) return false;
        if (!take(std::move(column))) return false;
        add(columns_.back());
        return true;
    }

    void finish() {
        // What the budget cut off may have new rows; the last solution stands for what it is worth.
        best_.feasible = solution_.optimal && solution_.at(no_way_) < 1e-7;
        std::vector<Column> kept;
        std::map<std::size_t, double> busy;
        double all = 0;
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            double const x = solution_.at(c < places_.size() ? places_[c] : infinity_place);
            if (x > tiny) {
                best_.shares.push_back({columns_[c].plan, x});
                all += x;
                for (Use const& use : columns_[c].uses) busy[use.resource] += x * use.seconds;
            }
        }
        if (!(all > 0)) best_.feasible = false;
        if (best_.feasible) {
            best_.period = 0;
            for (Share& share : best_.shares) share.share /= all;
            for (auto const& [resource, seconds] : busy)
                best_.period = std::max(best_.period, seconds / all / program_.copies_of(resource));
        }
        if (columns_.size() > most_pool) {
            for (std::size_t c = 0; c < columns_.size(); ++c)
                if (c + most_pool / 2 > columns_.size() || (c < places_.size() && solution_.at(places_[c]) > tiny))
                    kept.push_back(std::move(columns_[c]));
            program_.pool_ = std::move(kept);
        } else {
            program_.pool_ = std::move(columns_);
        }
    }

    static constexpr std::size_t infinity_place = std::numeric_limits<std::size_t>::max();

    SteadyProgram& program_;
    SteadyLimits const& limits_;
    double gap_;
    Budget& budget_;
    std::size_t devices_;
    std::vector<char> allowed_;
    double unit_ = 1;  // s
    Master master_;
    std::size_t one_ = 0, period_ = 0, no_way_ = 0;
    std::map<std::size_t, std::size_t> rows_, memory_rows_, energy_rows_;
    std::vector<Column> columns_;
    std::vector<std::size_t> places_;
    std::set<std::vector<std::int32_t>> known_;
    std::vector<RequestPlan> found_;
    Master::Solution solution_;
    Steady best_;
};

Steady SteadyProgram::solve(SteadyLimits const& limits, double gap, Budget& budget,
                            std::vector<RequestPlan> const& start) {
    return Run(*this, limits, gap, budget).run(start);
}

}  // namespace skipstone::planner
