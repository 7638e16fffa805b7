#include "planner/holdings.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace skipstone::planner {

namespace {

constexpr double fine = 2e-3;  // gap of a programme among several
constexpr int most_rescalings = 14;
constexpr int most_fruitless = 24;  // changes of what one device holds, in a row

class Fitter {
  public:
    Fitter(Instance const& instance, SteadyProgram& program, std::vector<double> const& energy, double goal,
           Budget& budget)
        : instance_(instance),
          program_(program),
          items_(program.items()),
          devices_(instance.devices.size()),
          energy_(energy),
          goal_(goal),
          budget_(budget) {
        weights_.resize(items_.count() * devices_);
        for (std::size_t item = 0; item < items_.count(); ++item)
            for (std::size_t i = 0; i < devices_; ++i)
                weights_[item * devices_ + i] = items_.weights(item, DeviceId(i));
    }

    Steady run(std::vector<RequestPlan> const& start) {
        // As if weights could be held in shares, then with weights that cost as much as those that were used so far
        // would if they were held whole.
        SteadyLimits limits;
        limits.energy = energy_;
        auto loose = program_.solve(limits, fine, budget_, start);
        if (!loose.feasible) return loose;
        if (fit(held_by(loose))) return loose;
        limits.weight.assign(weights_.size(), 0);
        for (std::size_t i = 0; i < devices_; ++i) limits.memory.push_back(room_for_weights(i));
        for (std::size_t k = 0; k < weights_.size(); ++k) limits.weight[k] = static_cast<double>(weights_[k].value());
        if (!start.empty()) {
            std::vector<char> holds(weights_.size(), 0);
            for (auto const& plan : start) mark(plan, holds);
            if (fit(holds)) consider(grown(holds));
        }
        auto steady = program_.solve(limits, fine, budget_);
        for (int scaling = 0; scaling < most_rescalings && steady.feasible && !done(); ++scaling) {
            consider(grown(trimmed(steady)));
            rescale(limits, steady);
            steady = program_.solve(limits, fine, budget_);
        }
        improve();
        return std::move(best_);
    }

  private:
    bool done() const { return budget_.spent() || (best_.feasible && best_.period <= goal_ * (1 + fine)); }

    void mark(RequestPlan const& plan, std::vector<char>& holds) const {
        for (Task const& task : task_graph(instance_, plan).tasks)
            if (!task.joins()) holds[items_.of(task) * devices_ + task.device.index()] = 1;
    }
    std::vector<char> held_by(Steady const& steady) const {
        std::vector<char> holds(weights_.size(), 0);
        for (Share const& share : steady.shares) mark(share.plan, holds);
        return holds;
    }

    // What a device that holds such items needs.
    Bytes need(std::vector<char> const& holds, std::size_t i) const {
        Bytes sum{}, largest{};
        for (std::size_t item = 0; item < items_.count(); ++item) {
            if (!holds[item * devices_ + i]) continue;
            sum += weights_[item * devices_ + i];
            largest = std::max(largest, items_.memory(item));
        }
        return sum + largest;
    }
    bool fit(std::vector<char> const& holds) const {
        for (std::size_t i = 0; i < devices_; ++i)
            if (need(holds, i) > instance_.devices[i].memory) return false;
        return true;
    }

    double room_for_weights(std::size_t i) const {
        Bytes largest{};
        for (std::size_t j = 0; j < instance_.blocks.size(); ++j)
            if (program_.possible()[items_.whole(BlockId(j)) * devices_ + i])
                largest = std::max(largest, instance_.blocks[j].memory);
        Bytes const memory = instance_.devices[i].memory;
        return static_cast<double>(std::max(memory - largest, Bytes(memory.value() / 10)).value());
    }

    std::vector<double> shares_of(Steady const& steady) const {
        std::vector<double> shares(weights_.size(), 0);
        for (Share const& share : steady.shares) {
            std::vector<char> holds(weights_.size(), 0);
            for (Task const& task : task_graph(instance_, share.plan).tasks)
                if (!task.joins()) shares[items_.of(task) * devices_ + task.device.index()] += share.share;
        }
        return shares;
    }

    // An item weighs as if all of it were held for the share of the requests that took it there.
    void rescale(SteadyLimits& limits, Steady const& steady) const {
        auto const shares = shares_of(steady);
        for (std::size_t i = 0; i < devices_; ++i) {
            double most = 0, sum = 0;
            std::size_t used = 0;
            for (std::size_t item = 0; item < items_.count(); ++item) {
                double const share = shares[item * devices_ + i];
                most = std::max(most, share);
                sum += share;
                used += share > 0;
            }
            double const typical = used > 0 ? sum / static_cast<double>(used) : 1.0 / static_cast<double>(devices_);
            for (std::size_t item = 0; item < items_.count(); ++item) {
                auto const k = item * devices_ + i;
                double const share = shares[k] > 0 ? std::max(shares[k], 0.05 * most) : 0.5 * typical;
                double const scaled = static_cast<double>(weights_[k].value()) / std::min(1.0, share);
                limits.weight[k] = 0.5 * limits.weight[k] + 0.5 * scaled;
            }
        }
    }

    // Of what a solution holds in shares, what fits whole: what saves most time by its weight first.
    std::vector<char> trimmed(Steady const& steady) const {
        auto const shares = shares_of(steady);
        std::vector<char> holds(weights_.size(), 0);
        std::vector<std::size_t> order;
        for (std::size_t k = 0; k < shares.size(); ++k)
            if (shares[k] > 1e-7) order.push_back(k);
        auto const value = [&](std::size_t k) {
            return shares[k] / std::max(1.0, static_cast<double>(weights_[k].value()));
        };
        std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return value(a) > value(b); });
        for (auto const k : order) {
            holds[k] = 1;
            if (need(holds, k % devices_) > instance_.devices[k % devices_].memory) holds[k] = 0;
        }
        return holds;
    }

    // A block with the head behind it.
    void hold_if_it_fits(std::vector<char>& holds, std::size_t block, std::size_t device) const {
        std::vector<std::size_t> fresh{items_.whole(BlockId(block)) * devices_ + device};
        for (std::size_t e = 0; e < instance_.exits.size(); ++e)
            if (auto const k = items_.head(e) * devices_ + device;
                instance_.exits[e].after == BlockId(block) && !holds[k])
                fresh.push_back(k);
        for (auto const k : fresh) holds[k] = 1;
        if (need(holds, device) <= instance_.devices[device].memory) return;
        for (auto const k : fresh) holds[k] = 0;
    }

    // Memory that is left is given to blocks beside those that are held, the next ones first; blocks that nobody
    // could run go where there is room.
    std::vector<char> grown(std::vector<char> holds) const {
        auto const blocks = instance_.blocks.size();
        for (std::size_t i = 0; i < devices_; ++i) {
            if (instance_.devices[i].off) continue;
            std::vector<std::size_t> order(blocks);
            std::vector<std::size_t> distance(blocks, blocks);
            for (std::size_t j = 0; j < blocks; ++j) {
                order[j] = j;
                for (std::size_t q = 0; q < blocks; ++q)
                    if (holds[items_.whole(BlockId(q)) * devices_ + i])
                        distance[j] = std::min(distance[j], q > j ? q - j : j - q);
            }
            std::ranges::stable_sort(order, {}, [&](std::size_t j) { return distance[j]; });
            for (auto const j : order) {
                auto const k = items_.whole(BlockId(j)) * devices_ + i;
                if (holds[k] || !program_.possible()[k]) continue;
                hold_if_it_fits(holds, j, i);
            }
        }
        return holds;
    }

    bool consider(std::vector<char> holds) {
        SteadyLimits limits;
        limits.allowed = holds;
        limits.energy = energy_;
        auto steady = program_.solve(limits, fine, budget_);
        if (!steady.feasible || !(steady.period < best_.period * (1 - 1e-4))) return false;
        best_ = std::move(steady);
        holds_ = std::move(holds);
        return true;
    }

    // One device at a time holds something else: beginning at another block, as many as fit.
    void improve() {
        if (!best_.feasible) return;
        int fruitless = 0;
        auto const blocks = instance_.blocks.size();
        auto const limit = std::min<int>(most_fruitless, static_cast<int>(2 * devices_));
        for (std::size_t turn = 0; fruitless < limit && !done(); ++turn) {
            auto const i = turn % devices_;
            if (instance_.devices[i].off) {
                ++fruitless;
                continue;
            }
            auto const begin = (turn / devices_ * 5 + i * 3) % blocks;
            auto holds = holds_;
            for (std::size_t item = 0; item < items_.count(); ++item) holds[item * devices_ + i] = 0;
            for (std::size_t step = 0; step < blocks; ++step) {
                auto const k = items_.whole(BlockId((begin + step) % blocks)) * devices_ + i;
                if (!program_.possible()[k]) continue;
                hold_if_it_fits(holds, (begin + step) % blocks, i);
            }
            fruitless = consider(std::move(holds)) ? 0 : fruitless + 1;
        }
    }

    Instance const& instance_;
    SteadyProgram& program_;
    Items const& items_;
    std::size_t devices_;
    std::vector<double> const& energy_;
    double goal_;
    Budget& budget_;
    std::vector<Bytes> weights_;  // [items × devices]
    Steady best_;
    std::vector<char> holds_;  // of the best
};

}  // namespace

Steady shares_that_fit(Instance const& instance, SteadyProgram& program, std::vector<double> const& energy, double goal,
                       Budget& budget, std::vector<RequestPlan> const& start) {
    return Fitter(instance, program, energy, goal, budget).run(start);
}

}  // namespace skipstone::planner
