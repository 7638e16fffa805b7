#include "planner/balanced.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "planner/budget.hpp"
#include "planner/choice.hpp"
#include "planner/stream.hpp"

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double most_work = 3e8;  // elementary operations of one round
constexpr double unlimited_work = 1e18;
constexpr double graph_work = 400;       // … of what one step keeps busy
constexpr std::size_t most_turns = 240;  // that are looked at together

// Neighbouring steps, and who computes them: devices that take turns, or a part each.
struct Stage {
    std::size_t first, last;  // steps of the choice
    std::vector<DeviceId> devices;
    Split split = {};  // of its one step
};

// How busy the busiest is per request, and a norm of all that tells plans apart that share it.
struct Score {
    double period = infinity, norm = infinity;
    bool better_than(Score const& other) const {
        if (std::abs(period - other.period) > 1e-9 * other.period) return period < other.period;
        return norm < other.norm * (1 - 1e-9);
    }
};

class Balance {
  public:
    Balance(Instance const& instance, Choice const& choice, Medium medium, Budget& budget)
        : instance_(instance), choice_(choice), medium_(medium), budget_(budget) {}

    bool run() {
        if (!begin()) return false;
        score_ = score_of(stages_);
        while (!budget_.spent() && (one_more_device() || regroup())) {
        }
        return std::isfinite(score_.period);
    }

    RequestPlan request(std::vector<Stage> const& stages, std::size_t turn) const {
        std::vector<DeviceId> devices(choice_.steps.size());
        for (Stage const& stage : stages)
            for (std::size_t s = stage.first; s <= stage.last; ++s)
                devices[s] =
                    stage.split.is_whole() ? stage.devices[turn % stage.devices.size()] : stage.devices.front();
        auto plan = request_plan(instance_, choice_, devices);
        for (Stage const& stage : stages)
            if (!stage.split.is_whole())
                plan.splits.push_back({choice_.steps[stage.first].block, stage.split, stage.devices});
        return plan;
    }
    std::vector<Stage> const& stages() const { return stages_; }

  private:
    // As few stages as memory allows, on the fastest devices; the source's neighbours if the links do not reach all.
    bool begin() {
        for (std::size_t i = 0; i < instance_.devices.size(); ++i)
            if (!instance_.devices[i].off && instance_.devices[i].mac_rate.value() > 0) spare_.emplace_back(i);
        std::ranges::stable_sort(spare_, [&](DeviceId a, DeviceId b) { return seconds(a) < seconds(b); });
        std::vector<DeviceId> passed;
        for (std::size_t s = 0; s < choice_.steps.size();) {
            bool placed = false;
            for (auto device = spare_.begin(); device != spare_.end() && !placed; ++device) {
                Stage stage{s, s, {*device}};
                auto const before = stages_.empty() ? instance_.source : std::optional(stages_.back().devices.front());
                if (before && *before != *device && !(instance_.links.rate(*before, *device).value() > 0)) continue;
                if (!fits(stage, *device)) continue;
                while (stage.last + 1 < choice_.steps.size()) {
                    ++stage.last;
                    if (fits(stage, *device)) continue;
                    --stage.last;
                    break;
                }
                s = stage.last + 1;
                stages_.push_back(stage);
                spare_.erase(device);
                placed = true;
                break;
            }
            if (!placed) return false;
        }
        return true;
    }

    double seconds(DeviceId device) const {
        double sum = 0;
        for (Step const& step : choice_.steps) sum += expected_time(instance_, step, device).value();
        return sum;
    }

    bool fits(Stage const& stage, DeviceId device) const {
        Bytes weights{}, largest{};
        for (std::size_t s = stage.first; s <= stage.last; ++s) {
            Step const& step = choice_.steps[s];
            for_each_holding(instance_, step,
                             [&](std::size_t held, Bytes) { weights += weights_needed(instance_, device, held); });
            largest = std::max(largest, largest_task(instance_, step));
        }
        return weights + largest <= instance_.devices[device.index()].memory;
    }
    bool fits(Stage const& stage) const {
        if (stage.split.is_whole())
            return std::ranges::all_of(stage.devices, [&](DeviceId device) { return fits(stage, device); });
        Step const& step = choice_.steps[stage.first];
        auto const* const split = instance_.blocks[step.block.index()].find(stage.split);
        for (std::size_t p = 0; p < stage.devices.size(); ++p) {
            auto const& part = split->parts[p];
            if (part.memory + instance_.weights_needed(stage.devices[p], step.block, part.weights) >
                instance_.devices[stage.devices[p].index()].memory)
                return false;
        }
        return true;
    }

    Score score_of(std::vector<Stage> const& stages) {
        std::size_t turns = 1;
        for (Stage const& stage : stages)
            if (stage.split.is_whole()) turns = std::min(std::lcm(turns, stage.devices.size()), most_turns);
        std::map<std::size_t, double> busy;
        for (std::size_t turn = 0; turn < turns; ++turn) {
            auto const plan = request(stages, turn);
            for (Use const& use : uses_of(instance_, plan, task_graph(instance_, plan), medium_))
                busy[use.resource] += use.seconds / static_cast<double>(turns);
        }
        budget_.spend(graph_work * static_cast<double>(turns * choice_.steps.size()));
        Score score{0, 0};
        for (auto const& [resource, time] : busy) score.period = std::max(score.period, time);
        for (auto const& [resource, time] : busy)
            if (score.period > 0) score.norm += std::pow(time / score.period, 16);
        return score;
    }

    // Stages, the slowest first: by how long a device of theirs computes per request.
    std::vector<std::size_t> slowest_first() const {
        std::vector<double> time(stages_.size(), 0);
        for (std::size_t k = 0; k < stages_.size(); ++k) {
            Stage const& stage = stages_[k];
            for (std::size_t d = 0; d < stage.devices.size(); ++d) {
                double own = 0;
                if (stage.split.is_whole()) {
                    for (std::size_t s = stage.first; s <= stage.last; ++s)
                        own += expected_time(instance_, choice_.steps[s], stage.devices[d]).value();
                    own /= static_cast<double>(stage.devices.size());
                } else {
                    Step const& step = choice_.steps[stage.first];
                    own = expected(part_time(instance_, step.block, stage.split, d, stage.devices[d]), step.reach)
                              .value();
                }
                time[k] = std::max(time[k], own);
            }
        }
        std::vector<std::size_t> order(stages_.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return time[a] > time[b]; });
        return order;
    }

    bool adopt(std::vector<Stage> stages, Score score) {
        if (!score.better_than(score_)) return false;
        stages_ = std::move(stages);
        score_ = score;
        return true;
    }

    bool one_more_device() {
        for (auto const k : slowest_first())
            for (std::size_t d = 0; d < spare_.size() && d < 4; ++d) {
                std::vector<std::vector<Stage>> ways;
                if (stages_[k].split.is_whole()) {
                    auto turns = stages_;
                    turns[k].devices.push_back(spare_[d]);
                    ways.push_back(std::move(turns));
                }
                for (auto& way : with_one_more_part(k, spare_[d])) ways.push_back(std::move(way));
                std::vector<Stage> best;
                Score least;
                for (auto& way : ways) {
                    if (!std::ranges::all_of(way, [&](Stage const& stage) { return fits(stage); })) continue;
                    auto const score = score_of(way);
                    if (score.better_than(least)) {
                        least = score;
                        best = std::move(way);
                    }
                }
                if (best.empty() || !adopt(std::move(best), least)) continue;
                spare_.erase(spare_.begin() + static_cast<std::ptrdiff_t>(d));
                return true;
            }
        return false;
    }

    // The stage's block in one more part, or the slowest block of several in two.
    std::vector<std::vector<Stage>> with_one_more_part(std::size_t k, DeviceId device) const {
        std::vector<std::vector<Stage>> ways;
        Stage const& stage = stages_[k];
        if (stage.split.is_whole() && stage.devices.size() > 1) return ways;
        std::size_t slowest = stage.first;
        auto const time = [&](std::size_t s) {
            return expected_time(instance_, choice_.steps[s], stage.devices.front());
        };
        for (std::size_t s = stage.first; s <= stage.last; ++s)
            if (time(s) > time(slowest)) slowest = s;
        if (choice_.steps[slowest].mode != BlockMode::full) return ways;
        for (InstanceSplit const& offered : instance_.blocks[choice_.steps[slowest].block.index()].splits) {
            if (offered.parts.size() != stage.devices.size() + 1) continue;
            auto stages = stages_;
            stages[k] = {slowest, slowest, stage.devices, offered.split};
            stages[k].devices.push_back(device);
            if (slowest < stage.last)
                stages.insert(stages.begin() + static_cast<std::ptrdiff_t>(k) + 1,
                              {slowest + 1, stage.last, {stage.devices.front()}});
            if (slowest > stage.first)
                stages.insert(stages.begin() + static_cast<std::ptrdiff_t>(k),
                              {stage.first, slowest - 1, {stage.devices.front()}});
            ways.push_back(std::move(stages));
        }
        return ways;
    }

    // A block goes over to a neighbour, or a stage is cut in two for a device that is left.
    bool regroup() {
        for (auto const k : slowest_first()) {
            if (!stages_[k].split.is_whole() || stages_[k].first == stages_[k].last) continue;
            for (int const side : {-1, 1}) {
                auto stages = stages_;
                auto const other = k + static_cast<std::size_t>(side);
                if (other >= stages.size() || !stages[other].split.is_whole()) continue;
                if (side < 0) {
                    ++stages[k].first;
                    ++stages[other].last;
                } else {
                    --stages[k].last;
                    --stages[other].first;
                }
                if (!fits(stages[other])) continue;
                auto const score = score_of(stages);
                if (adopt(std::move(stages), score)) return true;
            }
            for (std::size_t cut = stages_[k].first + 1; cut <= stages_[k].last && !spare_.empty(); ++cut) {
                auto stages = stages_;
                stages[k].last = cut - 1;
                stages.insert(stages.begin() + static_cast<std::ptrdiff_t>(k) + 1,
                              {cut, stages_[k].last, {spare_.front()}});
                if (!fits(stages[k + 1])) continue;
                auto const score = score_of(stages);
                if (!adopt(std::move(stages), score)) continue;
                spare_.erase(spare_.begin());
                return true;
            }
        }
        return false;
    }

    Instance const& instance_;
    Choice const& choice_;
    Medium medium_;
    Budget& budget_;
    std::vector<Stage> stages_;
    std::vector<DeviceId> spare_;  // the fastest first
    Score score_;
};

}  // namespace

PlanResult plan_balanced(Instance const& instance, Options const& options) {
    auto const choices = choices_of(instance);
    PlanResult result;
    result.requests.resize(static_cast<std::size_t>(std::max(instance.requests, 0)));
    if (choices.empty()) {
        if (instance.requests > 0) result.binding = Binding::accuracy;
        return result;
    }
    Budget budget(options.time_limit_s ? unlimited_work : most_work, options.time_limit_s);
    Balance balance(instance, choices.front(), options.conditions ? options.conditions->medium : Medium::links, budget);
    if (!balance.run()) {
        if (instance.requests > 0) result.binding = Binding::memory;
        return result;
    }
    for (std::size_t r = 0; r < result.requests.size(); ++r) result.requests[r] = balance.request(balance.stages(), r);
    return admitted_of(instance, std::move(result.requests));
}

}  // namespace skipstone::planner
