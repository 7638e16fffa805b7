#include "exits/grid_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <limits>
#include <thread>

#include "units/error.hpp"

namespace skipstone::exits {

namespace {

// A number of samples, and by how many more (or fewer) of them are answered rightly where they leave than at the end,
// in one integer: sums of such integers have the sums of both.
template <class Whole, class Half>
struct Pair {
    static constexpr int shift = static_cast<int>(8 * sizeof(Half));
    static constexpr double most_samples = static_cast<double>(std::numeric_limits<Half>::max());
    using Packed = Whole;

    static Whole pack(int gain) { return static_cast<Whole>((Whole{1} << shift) + gain); }
    static Half gain(Whole packed) { return static_cast<Half>(packed); }
    static Whole count(Whole packed) { return static_cast<Whole>((packed - gain(packed)) >> shift); }
};
using SmallPair = Pair<std::int32_t, std::int16_t>;
using LargePair = Pair<std::int64_t, std::int32_t>;

// What is the same for all sets of exits.
struct Samples {
    // [exit][sample]: how many of the exit's thresholds the sample reaches.
    std::vector<std::vector<std::uint16_t>> reached;
    // [exit][sample]: right at the exit − right at the end.
    std::vector<std::vector<std::int8_t>> gain;
    std::size_t right_at_end = 0;

    Samples(ExitTable const& table, Grid const& grid) {
        auto const end = table.outcomes() - 1;
        for (std::size_t s = 0; s < table.samples; ++s) right_at_end += table.at(s, end).predicted == table.labels[s];
        for (std::size_t exit = 0; exit < end; ++exit) {
            auto const& thresholds = grid.thresholds[exit];
            SKIPSTONE_EXPECT(thresholds.size() < std::numeric_limits<std::uint16_t>::max());
            auto& reach = reached.emplace_back();
            auto& gains = gain.emplace_back();
            for (std::size_t s = 0; s < table.samples; ++s) {
                auto const verdict = table.at(s, exit);
                auto const confidence = static_cast<double>(verdict.confidence);
                reach.push_back(std::isnan(confidence)
                                    ? std::uint16_t{0}
                                    : static_cast<std::uint16_t>(std::ranges::upper_bound(thresholds, confidence) -
                                                                 thresholds.begin()));
                gains.push_back(static_cast<std::int8_t>(int{verdict.predicted == table.labels[s]} -
                                                         int{table.at(s, end).predicted == table.labels[s]}));
            }
        }
    }
};

// One thread's share: sets of exits in the order of the chain, a level of recursion per exit. A level has a cell for
// each choice of thresholds of its exits, the last exit's varying fastest.
template <class Counts>
class Search {
  public:
    Search(ExitTable const& table, Grid const& grid, std::vector<Lane> const& lanes, std::size_t objectives,
           Samples const& samples, std::size_t thread, std::size_t threads)
        : grid_(grid),
          lanes_(lanes),
          samples_(samples),
          frontiers_(objectives, Frontier(table.samples)),
          end_(table.outcomes() - 1),
          thread_(thread),
          threads_(threads),
          levels_(grid.most_exits + 1) {
        auto& root = levels_[0];
        root.right = {static_cast<std::int32_t>(samples.right_at_end)};
        root.remaining = {static_cast<std::int32_t>(table.samples)};
        for (std::size_t s = 0; s < table.samples; ++s)
            root.inside.push_back({static_cast<std::uint32_t>(s), 0});
        for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
            if (!lanes[lane].allows({})) continue;
            root.lanes.push_back(lane);
            root.costs.push_back({static_cast<double>(table.samples) * lanes[lane].cost.chain[end_]});
        }
    }

    std::vector<Frontier> run() {
        if (thread_ == 0) offer(levels_[0]);
        go_on(0, 0);
        return std::move(frontiers_);
    }

  private:
    struct Inside {
        std::uint32_t sample, cell;  // cell: by the thresholds that it reaches at the exits so far
    };
    struct Level {
        std::size_t cells = 1;
        std::vector<std::int32_t> right, remaining;  // per cell: right answers; samples that go on to the end
        std::vector<Inside> inside;                  // samples that some choice of thresholds lets go on
        std::vector<std::size_t> lanes;              // that allow these exits
        std::vector<std::vector<double>> costs;      // per such lane and cell
        std::vector<typename Counts::Packed> sums;
    };

    void go_on(std::size_t depth, std::size_t first) {
        if (depth == grid_.most_exits) return;
        for (std::size_t exit = first; exit < end_; ++exit) {
            // Each pair of first exits, and what begins with it, is one thread's; so is each first exit's own set.
            bool const mine = depth != 1 || pair_++ % threads_ == thread_;
            if (!mine || grid_.thresholds[exit].empty()) continue;
            open_.push_back(exit);
            if (enter(depth + 1, exit)) {
                if (depth > 0 || thread_ == 0) offer(levels_[depth + 1]);
                go_on(depth + 1, exit + 1);
            } else if (depth == 0) {  // the pairs behind it are counted all the same
                pair_ += grid_.most_exits > 1 ? end_ - exit - 1 : 0;
            }
            open_.pop_back();
        }
    }

    // Fills the level of open_, whose last exit is `exit`. False: no lane allows these exits.
    bool enter(std::size_t depth, std::size_t exit) {
        Level const& before = levels_[depth - 1];
        Level& level = levels_[depth];
        level.lanes.clear();
        from_.clear();
        for (std::size_t i = 0; i < before.lanes.size(); ++i)
            if (lanes_[before.lanes[i]].allows(open_)) {
                level.lanes.push_back(before.lanes[i]);
                from_.push_back(i);
            }
        if (level.lanes.empty()) return false;
        auto const width = grid_.thresholds[exit].size();
        level.cells = before.cells * width;
        bool const is_last = depth == grid_.most_exits;
        count(before, level, exit, width, is_last);
        add_up(level, depth);
        if (is_last) keep_cheapest_lanes(level);
        settle(before, level, exit, width, is_last);
        return true;
    }

    // Samples by the thresholds that they reach: the last exit lets those leave that reach at least one of its own.
    void count(Level const& before, Level& level, std::size_t exit, std::size_t width, bool is_last) {
        auto const& reached = samples_.reached[exit];
        auto const& gain = samples_.gain[exit];
        level.sums.assign(level.cells, 0);
        level.inside.clear();
        for (auto const& [sample, cell] : before.inside) {
            std::size_t const reach = reached[sample], row = cell * width;
            if (reach > 0) level.sums[row + reach - 1] += Counts::pack(gain[sample]);
            if (!is_last && reach < width) level.inside.push_back({sample, static_cast<std::uint32_t>(row + reach)});
        }
    }

    // Turns counts into sums: at an earlier exit a sample goes on where it reaches no more thresholds than the chosen
    // one's number; at the last exit it leaves where it reaches more.
    void add_up(Level& level, std::size_t depth) {
        std::size_t const width = grid_.thresholds[open_[depth - 1]].size();
        auto* const sums = level.sums.data();
        for (std::size_t row = 0; row < level.cells; row += width)
            for (std::size_t k = width - 1; k-- > 0;) sums[row + k] += sums[row + k + 1];
        std::size_t stride = width;
        for (std::size_t axis = depth - 1; axis-- > 0;) {
            std::size_t const length = stride * grid_.thresholds[open_[axis]].size();
            for (std::size_t block = 0; block < level.cells; block += length)
                for (std::size_t at = block + stride; at < block + length; ++at) sums[at] += sums[at - stride];
            stride = length;
        }
    }

    // With no more exits to come, a lane is needless where another one of its objective costs no more wherever requests
    // leave.
    void keep_cheapest_lanes(Level& level) {
        if (level.lanes.size() < 2) return;
        auto const of_outcomes = [&](Lane const& lane) {
            std::vector<double> costs;
            double heads = 0;
            for (auto const exit : open_) costs.push_back(lane.cost.chain[exit] + (heads += lane.cost.heads[exit]));
            costs.push_back(lane.cost.chain[end_] + heads);
            return costs;
        };
        std::vector<std::vector<double>> costs;
        for (auto const lane : level.lanes) costs.push_back(of_outcomes(lanes_[lane]));
        std::vector<std::size_t> kept, kept_from;
        for (std::size_t i = 0; i < costs.size(); ++i) {
            bool needless = false;
            for (std::size_t other = 0; other < costs.size() && !needless; ++other)
                needless = other != i && lanes_[level.lanes[other]].objective == lanes_[level.lanes[i]].objective &&
                           std::ranges::equal(costs[other], costs[i], std::less_equal()) &&
                           (other < i || costs[other] != costs[i]);
            if (needless) continue;
            kept.push_back(level.lanes[i]);
            kept_from.push_back(from_[i]);
        }
        level.lanes = std::move(kept);
        from_ = std::move(kept_from);
    }

    // What each cell answers rightly and costs. The last level is offered at once, not kept.
    void settle(Level const& before, Level& level, std::size_t exit, std::size_t width, bool is_last) {
        if (is_last) {
            for (std::size_t i = 0; i < level.lanes.size(); ++i)
                offer_last(before, level, lanes_[level.lanes[i]], before.costs[from_[i]], exit, width);
            return;
        }
        level.right.resize(level.cells);
        level.remaining.resize(level.cells);
        for (std::size_t row = 0; row < before.cells; ++row)
            for (std::size_t k = 0; k < width; ++k) {
                auto const sum = level.sums[row * width + k];
                level.right[row * width + k] = before.right[row] + Counts::gain(sum);
                level.remaining[row * width + k] = before.remaining[row] - static_cast<std::int32_t>(Counts::count(sum));
            }
        level.costs.resize(level.lanes.size());
        for (std::size_t i = 0; i < level.lanes.size(); ++i) {
            auto const& cost = lanes_[level.lanes[i]].cost;
            double const saved = cost.chain[end_] - cost.chain[exit];
            level.costs[i].resize(level.cells);
            for (std::size_t row = 0; row < before.cells; ++row) {
                double const with_head = before.costs[from_[i]][row] + before.remaining[row] * cost.heads[exit];
                for (std::size_t k = 0; k < width; ++k)
                    level.costs[i][row * width + k] =
                        with_head - static_cast<double>(Counts::count(level.sums[row * width + k])) * saved;
            }
        }
    }

    void offer(Level const& level) {
        if (!open_.empty() && open_.size() == grid_.most_exits) return;  // it was, when it was settled
        for (std::size_t i = 0; i < level.lanes.size(); ++i) {
            Lane const& lane = lanes_[level.lanes[i]];
            auto& frontier = frontiers_[lane.objective];
            for (std::size_t cell = 0; cell < level.cells; ++cell) {
                auto const right = static_cast<std::size_t>(level.right[cell]);
                if (frontier.wants(right, level.costs[i][cell]))
                    frontier.put(right, {level.costs[i][cell], lane.way, rules(cell)});
            }
        }
    }

    void offer_last(Level const& before, Level const& level, Lane const& lane, std::vector<double> const& costs,
                    std::size_t exit, std::size_t width) {
        auto& frontier = frontiers_[lane.objective];
        double const saved = lane.cost.chain[end_] - lane.cost.chain[exit];
        for (std::size_t row = 0; row < before.cells; ++row) {
            double const with_head = costs[row] + before.remaining[row] * lane.cost.heads[exit];
            auto const* const sums = &level.sums[row * width];
            for (std::size_t k = 0; k < width; ++k) {
                auto const right = static_cast<std::size_t>(before.right[row] + Counts::gain(sums[k]));
                double const cost = with_head - static_cast<double>(Counts::count(sums[k])) * saved;
                if (frontier.wants(right, cost)) frontier.put(right, {cost, lane.way, rules(row * width + k)});
            }
        }
    }

    std::vector<TableRule> rules(std::size_t cell) const {
        std::vector<TableRule> rules(open_.size());
        for (std::size_t i = open_.size(); i-- > 0;) {
            auto const& thresholds = grid_.thresholds[open_[i]];
            rules[i] = {open_[i], thresholds[cell % thresholds.size()]};
            cell /= thresholds.size();
        }
        return rules;
    }

    Grid const& grid_;
    std::vector<Lane> const& lanes_;
    Samples const& samples_;
    std::vector<Frontier> frontiers_;
    std::size_t end_, thread_, threads_, pair_ = 0;
    std::vector<Level> levels_;
    std::vector<std::size_t> open_, from_;  // from_: where the level's lanes are in the level before
};

}  // namespace

std::vector<Frontier> search_grid(ExitTable const& table, Grid const& grid, std::vector<Lane> const& lanes,
                                  std::size_t objectives, int threads) {
    SKIPSTONE_EXPECT(grid.thresholds.size() + 1 == table.outcomes());
    SKIPSTONE_EXPECT(static_cast<double>(table.samples) <= LargePair::most_samples);
    SKIPSTONE_EXPECT(grid_work(table, grid, 1) < 1e18);
    Samples const samples(table, grid);
    auto const count = static_cast<std::size_t>(std::max(threads, 1));
    std::vector<std::vector<Frontier>> shares(count);
    std::vector<std::exception_ptr> failures(count);
    auto const work = [&](std::size_t thread) {
        try {
            bool const small = static_cast<double>(table.samples) <= SmallPair::most_samples;
            shares[thread] =
                small ? Search<SmallPair>(table, grid, lanes, objectives, samples, thread, count).run()
                      : Search<LargePair>(table, grid, lanes, objectives, samples, thread, count).run();
        } catch (...) {
            failures[thread] = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> others;
        for (std::size_t thread = 1; thread < count; ++thread) others.emplace_back(work, thread);
        work(0);
    }
    for (auto const& failure : failures)
        if (failure) std::rethrow_exception(failure);
    auto result = std::move(shares[0]);
    for (std::size_t thread = 1; thread < count; ++thread)
        for (std::size_t o = 0; o < objectives; ++o) result[o].merge(shares[thread][o]);
    return result;
}

double grid_work(ExitTable const& table, Grid const& grid, std::size_t lanes) {
    // cells[m]: of all sets of m exits together; sets[m]: how many there are.
    std::vector<double> cells(grid.most_exits + 1, 0), sets(grid.most_exits + 1, 0);
    cells[0] = sets[0] = 1;
    for (auto const& thresholds : grid.thresholds)
        for (std::size_t m = cells.size(); m-- > 1;) {
            cells[m] += cells[m - 1] * static_cast<double>(thresholds.size());
            sets[m] += sets[m - 1];
        }
    double work = 0;
    for (std::size_t m = 0; m < cells.size(); ++m)
        work += sets[m] * static_cast<double>(table.samples) +
                cells[m] * static_cast<double>(m + lanes);
    return std::min(1e18, work);
}

}  // namespace skipstone::exits
