#include "planner/tight_packing.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <ranges>
#include <set>
#include <tuple>
#include <utility>

#include "model/cost_model.hpp"
#include "planner/capacity.hpp"

namespace skipstone::planner {

namespace {

constexpr std::size_t most_mixes = 500;     // of drop sets
constexpr std::size_t most_failures = 2e6;  // that are remembered
// Elementary operations: of a count of one kind on one device, of a device that is opened (and per kind, to remember
// it), and of an item and its device, to be sorted or to be given a place.
constexpr double node_work = 250, open_work = 500, key_work = 20, item_work = 300, assign_work = 2000;
constexpr std::size_t most_assignments = 20;  // that links or batteries refuse, of one mix

// Work that is alike for every device, as far as room goes.
struct Kind {
    std::int64_t macs = 0, memory = 0;
    std::vector<std::size_t> holdings;  // whose weights count
    std::vector<double> energy;         // J per device, computing
    auto operator<=>(Kind const&) const = default;
};

struct Item {
    std::size_t request, step;
};

std::size_t steps_of(std::vector<Choice> const& choices, std::vector<std::size_t> const& mix) {
    std::size_t steps = 0;
    for (auto const choice : mix) steps += choices[choice].steps.size();
    return steps;
}

// One mix of drop sets.
class Packer {
  public:
    Packer(Instance const& instance, std::vector<Choice> const& choices, std::vector<std::size_t> mix, Meter& meter)
        : instance_(instance), choices_(choices), mix_(std::move(mix)), meter_(meter) {
        std::map<Kind, std::vector<Item>> sorted;
        for (std::size_t r = 0; r < mix_.size(); ++r) {
            auto const& steps = choices[mix_[r]].steps;
            for (std::size_t s = 0; s < steps.size(); ++s) sorted[kind_of(steps[s])].push_back({r, s});
        }
        for (auto kind = sorted.rbegin(); kind != sorted.rend(); ++kind) {  // the largest first
            kinds_.push_back(kind->first);
            items_.push_back(kind->second);
            left_.push_back(static_cast<int>(kind->second.size()));
            macs_left_ += kind->first.macs * left_.back();
            memory_left_ += kind->first.memory * left_.back();
        }
        for (std::size_t i = 0; i < instance.devices.size(); ++i)
            if (!instance.devices[i].off) order_.push_back(i);
        // Large devices first: small ones are left for small things.
        std::ranges::stable_sort(
            order_, [&](std::size_t a, std::size_t b) { return instance.devices[a].macs > instance.devices[b].macs; });
        for (auto const i : order_) {
            macs_room_ += instance.devices[i].macs.value();
            memory_room_ += instance.devices[i].memory.value();
        }
        counts_.assign(order_.size(), std::vector<int>(kinds_.size(), 0));
    }

    Packing run() {
        Packing packing;
        bool const found = open(0);
        if (found) packing.plan = std::move(plan_);
        packing.impossible = !found && !tired_ && refused_ == 0;
        return packing;
    }

  private:
    Kind kind_of(Step const& step) const {
        Kind kind{step.macs.value(), step.memory.value(), {}, {}};
        if (instance_.memory == MemoryModel::resident)
            for_each_holding(instance_, step, [&](std::size_t held, Bytes) { kind.holdings.push_back(held); });
        for (std::size_t i = 0; i < instance_.devices.size(); ++i) {
            auto const& device = instance_.devices[i];
            bool const counts = std::isfinite(device.energy.value()) && !device.off;
            kind.energy.push_back(counts ? (device.power_compute * reserved_time(instance_, step, DeviceId(i))).value()
                                         : 0);
        }
        return kind;
    }

    // Goes on with the d-th device; true: all has found its place.
    bool open(std::size_t d) {
        if (std::ranges::all_of(left_, [](int count) { return count == 0; })) return assign();
        if (d == order_.size() || macs_left_ > macs_room_ || memory_left_ > memory_room_) return false;
        if (!meter_.work(open_work + key_work * static_cast<double>(left_.size()))) tired_ = true;
        if (tired_) return false;
        std::vector<int> key(left_);
        key.push_back(static_cast<int>(d));
        if (failed_.contains(key)) return false;
        auto const& device = instance_.devices[order_[d]];
        Room room{device.macs.value(),
                  device.memory.value(),
                  std::max(device.energy.value(), 0.0) * (1 + energy_rounding),
                  {}};
        macs_room_ -= room.macs;
        memory_room_ -= room.memory;
        bool const found = fill(d, 0, room, macs_left_, memory_left_);
        macs_room_ += device.macs.value();
        memory_room_ += device.memory.value();
        if (!found && !tired_ && failed_.size() < most_failures) failed_.insert(std::move(key));
        return found;
    }

    struct Room {
        std::int64_t macs, memory;
        double energy;
        std::vector<std::size_t> held;
    };

    std::int64_t weights_of(Kind const& kind, std::size_t device, std::vector<std::size_t> const& held) const {
        std::int64_t sum = 0;
        for (auto const holding : kind.holdings)
            if (std::ranges::find(held, holding) == held.end())
                sum += weights_needed(instance_, DeviceId(device), holding).value();
        return sum;
    }

    // How many of each kind, from the k-th on, the d-th device takes. macs, memory: of the kinds from there on, as many
    // as there are.
    bool fill(std::size_t d, std::size_t k, Room const& room, std::int64_t macs, std::int64_t memory) {
        if (!meter_.work(node_work)) tired_ = true;
        if (tired_ || refused_ >= most_assignments) return false;
        // What stays must find its place on the devices behind.
        if (macs_left_ - std::min(macs, room.macs) > macs_room_) return false;
        if (memory_left_ - std::min(memory, room.memory) > memory_room_) return false;
        if (k == kinds_.size()) return open(d + 1);
        auto const& kind = kinds_[k];
        auto const device = order_[d];
        auto const weights = weights_of(kind, device, room.held);
        int most = left_[k];
        if (kind.macs > 0) most = static_cast<int>(std::min<std::int64_t>(most, room.macs / kind.macs));
        if (weights > room.memory) most = 0;
        if (kind.memory > 0)
            most = static_cast<int>(
                std::min<std::int64_t>(most, std::max<std::int64_t>(room.memory - weights, 0) / kind.memory));
        double const joules = kind.energy[device];
        if (joules > 0 && std::isfinite(room.energy))
            most = static_cast<int>(std::min<double>(most, std::floor(std::max(room.energy, 0.0) / joules)));
        auto const all = left_[k];
        for (int count = most; count >= 0; --count) {
            Room rest = room;
            if (count > 0) {
                rest.macs -= count * kind.macs;
                rest.memory -= count * kind.memory + weights;
                if (joules > 0) rest.energy -= count * joules;
                rest.held.insert(rest.held.end(), kind.holdings.begin(), kind.holdings.end());
            }
            left_[k] = all - count;
            counts_[d][k] = count;
            macs_left_ -= count * kind.macs;
            memory_left_ -= count * kind.memory;
            bool const found = fill(d, k + 1, rest, macs - all * kind.macs, memory - all * kind.memory);
            macs_left_ += count * kind.macs;
            memory_left_ += count * kind.memory;
            if (found) return true;
            left_[k] = all;
            counts_[d][k] = 0;
            if (tired_) return false;
        }
        return false;
    }

    // Gives every item a device that takes one of its kind, the one that ran the step before if that is one. False:
    // links or batteries refuse it.
    bool assign() {
        meter_.work(assign_work * static_cast<double>(steps_of(choices_, mix_)));
        auto counts = counts_;
        std::vector<std::vector<std::size_t>> kind_of_step(mix_.size());
        for (std::size_t r = 0; r < mix_.size(); ++r) kind_of_step[r].resize(choices_[mix_[r]].steps.size());
        for (std::size_t k = 0; k < kinds_.size(); ++k)
            for (auto const item : items_[k]) kind_of_step[item.request][item.step] = k;
        std::vector<Placement> plan;
        Capacity capacity(instance_);
        for (std::size_t r = 0; r < mix_.size(); ++r) {
            Placement placement{mix_[r], {}};
            std::size_t now = order_.size();
            for (std::size_t s = 0; s < kind_of_step[r].size(); ++s) {
                if (now == order_.size() || counts[now][kind_of_step[r][s]] == 0)
                    now = longest_run(counts, kind_of_step[r], s);
                --counts[now][kind_of_step[r][s]];
                placement.devices.emplace_back(order_[now]);
            }
            if (!capacity.fits(choices_[mix_[r]], placement.devices)) {
                ++refused_;
                return false;
            }
            capacity.take(choices_[mix_[r]], placement.devices);
            plan.push_back(std::move(placement));
        }
        plan_ = std::move(plan);
        return true;
    }

    // The device that can go on with most of the steps from s on.
    std::size_t longest_run(std::vector<std::vector<int>> const& counts, std::vector<std::size_t> const& kinds,
                            std::size_t s) const {
        std::size_t best = 0, longest = 0;
        for (std::size_t d = 0; d < counts.size(); ++d) {
            auto own = counts[d];
            std::size_t run = 0;
            while (s + run < kinds.size() && own[kinds[s + run]]-- > 0) ++run;
            if (run > longest) {
                longest = run;
                best = d;
            }
        }
        return best;
    }

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    std::vector<std::size_t> mix_;  // choice of each request
    Meter& meter_;
    std::vector<Kind> kinds_;
    std::vector<std::vector<Item>> items_;                                            // of each kind
    std::vector<int> left_;                                                           // of each kind, to be placed
    std::int64_t macs_left_ = 0, memory_left_ = 0, macs_room_ = 0, memory_room_ = 0;  // room: on devices not yet open
    std::vector<std::size_t> order_;                                                  // of devices
    std::vector<std::vector<int>> counts_;                                            // [devices in order][kinds]
    std::set<std::vector<int>> failed_;
    std::vector<Placement> plan_;
    bool tired_ = false;
    std::size_t refused_ = 0;
};

// Whether b fits wherever a does: what it runs is a part of what a runs.
bool needs_no_more(Choice const& b, Choice const& a) {
    return std::ranges::all_of(b.steps, [&](Step const& step) {
        return std::ranges::any_of(a.steps, [&](Step const& other) {
            return other.block == step.block && step.macs <= other.macs && step.memory <= other.memory &&
                   step.weights <= other.weights && step.reserved <= other.reserved &&
                   std::ranges::includes(other.heads, step.heads, {}, &StepHead::exit, &StepHead::exit) &&
                   (step.mode == other.mode || step.mode == BlockMode::skip);
        });
    });
}

}  // namespace

Packing pack_tightly(Instance const& instance, std::vector<Choice> const& choices, std::size_t requests,
                     Budget& budget) {
    Meter meter(budget);
    std::vector<std::size_t> useful;
    for (std::size_t c = 0; c < choices.size(); ++c) {
        if (!meter.work(20 * static_cast<double>(choices.size() * choices[c].steps.size()))) return {};
        bool const other = std::ranges::any_of(std::views::iota(std::size_t{0}, choices.size()), [&](std::size_t b) {
            if (b == c || !needs_no_more(choices[b], choices[c])) return false;
            return b < c || !needs_no_more(choices[c], choices[b]);
        });
        if (!other) useful.push_back(c);
    }
    std::ranges::stable_sort(useful, {}, [&](std::size_t c) { return choices[c].macs; });
    Packing result;
    if (useful.empty() || instance.devices.empty()) return {std::nullopt, true};
    bool all = true;
    std::vector<std::size_t> mix(requests, 0);  // not descending
    for (std::size_t tried = 0;; ++tried) {
        std::vector<std::size_t> chosen;
        for (auto const u : mix) chosen.push_back(useful[u]);
        auto const items = static_cast<double>(steps_of(choices, chosen));
        if (tried == most_mixes || !meter.work(items * (item_work + 20 * static_cast<double>(instance.devices.size()))))
            return result;
        auto packing = Packer(instance, choices, std::move(chosen), meter).run();
        if (packing.plan) return packing;
        all = all && packing.impossible;
        auto place = requests;
        while (place > 0 && mix[place - 1] + 1 == useful.size()) --place;
        if (place == 0) break;
        std::fill(mix.begin() + static_cast<std::ptrdiff_t>(place) - 1, mix.end(), mix[place - 1] + 1);
    }
    result.impossible = all;
    return result;
}

}  // namespace skipstone::planner
