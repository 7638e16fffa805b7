#include "planner/sequential.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "units/error.hpp"

namespace skipstone::planner {

namespace {

constexpr std::size_t all_are_candidates = 24;  // fleets up to this size are searched whole
constexpr std::size_t many_requests = 100;
constexpr std::size_t few_candidates = 16;  // with many requests
constexpr std::size_t kept_choices = 4;     // with many requests: drop sets that are tried again at once
constexpr std::size_t refresh = 16;         // … and after how many requests all are
constexpr std::size_t widest_search = 400;  // candidates, when few do not suffice

struct Placed : Placement {
    double objective = 0;  // the request's own share, before division by R
    double latency = 0;
};

// Lower objective first, ties broken by latency, then accuracy (design.md section 4).
bool better(Placed const& a, Placed const& b, std::vector<Choice> const& choices) {
    constexpr double same = 1e-12;
    if (std::abs(a.objective - b.objective) > same) return a.objective < b.objective;
    if (std::abs(a.latency - b.latency) > same) return a.latency < b.latency;
    return choices[a.choice].accuracy > choices[b.choice].accuracy;
}

class Sequence {
  public:
    Sequence(Instance const& instance, std::vector<Choice> const& choices, Spread spread)
        : instance_(instance), choices_(choices), spread_(spread), capacity_(instance) {
        for (std::size_t i = 0; i < instance.devices.size(); ++i) {
            scores_.push_back(score(DeviceId(i)));
            ranking_.insert(rank(DeviceId(i)));
        }
        for (std::size_t c = 0; c < choices.size(); ++c) by_size_.push_back(c);
        double macs = 0, memory = 0;
        for (auto const& device : instance.devices) {
            macs += static_cast<double>(device.macs.value());
            memory += static_cast<double>(device.memory.value());
        }
        std::ranges::stable_sort(by_size_, {}, [&](std::size_t c) {
            return static_cast<double>(choices[c].macs.value()) / std::max(macs, 1.0) +
                   static_cast<double>(choices[c].memory.value()) / std::max(memory, 1.0);
        });
    }

    std::vector<Placed> const& placed() const { return placed_; }

    // Adds requests until there are `requests` or none fits.
    void fill(std::size_t requests, Goal goal) {
        while (placed_.size() < requests) {
            auto found = find(goal, requests);
            if (!found) return;
            put(std::move(*found));
        }
    }

    void improve(std::size_t requests) {
        for (std::size_t r = 0; r < placed_.size(); ++r) {
            Placed const old = placed_.front();
            placed_.erase(placed_.begin());
            lift(old);
            auto found = find(Goal::latency, requests);
            put(found && better(*found, old, choices_) ? std::move(*found) : old);
        }
    }

    void put(Placed placed) {
        capacity_.take(choices_[placed.choice], placed.devices);
        update(placed.devices);
        placed_.push_back(std::move(placed));
    }

    // One more request, anywhere among the candidates; nothing when none is found.
    std::optional<Placed> find(Goal goal, std::size_t requests) {
        if (choices_.empty() || instance_.devices.empty()) return std::nullopt;
        auto const everyone = instance_.devices.size();
        bool const many = requests > many_requests && everyone > all_are_candidates;
        if (auto found = among(top(many ? few_candidates : all_are_candidates), goal, many)) return found;
        if (everyone <= all_are_candidates || !may_fit()) return std::nullopt;
        if (spread_ == Spread::one_device) return among(top(everyone), goal, false);
        for (std::size_t size = 4 * all_are_candidates; size <= widest_search; size *= 2)
            if (auto found = among(connected(size), goal, false)) return found;
        return std::nullopt;
    }

  private:
    using Rank = std::tuple<double, double, std::int32_t>;  // less the score, less the speed, device

    void lift(Placed const& placed) {
        capacity_.give_back(choices_[placed.choice], placed.devices);
        update(placed.devices);
    }

    // How much of a whole request the device could still take, at most 1.
    double score(DeviceId id) const {
        if (choices_.empty()) return 0;
        auto const& whole = choices_.front();
        double share = std::min(1.0, capacity_.macs(id) / whole.macs);
        share = std::min(share, capacity_.memory(id) / whole.memory);
        auto const& device = instance_.devices[id.index()];
        double const energy = device.power_compute.value() * (whole.macs / device.mac_rate).value();
        return energy > 0 ? std::min(share, capacity_.energy(id).value() / energy) : share;
    }

    Rank rank(DeviceId id) const {
        return {-scores_[id.index()], -instance_.devices[id.index()].mac_rate.value(), id.value()};
    }

    void update(std::vector<DeviceId> const& devices) {
        for (std::size_t s = 0; s < devices.size(); ++s) {
            if (s > 0 && devices[s] == devices[s - 1]) continue;
            ranking_.erase(rank(devices[s]));
            scores_[devices[s].index()] = score(devices[s]);
            ranking_.insert(rank(devices[s]));
        }
    }

    std::vector<DeviceId> top(std::size_t size) const {
        std::vector<DeviceId> devices;
        for (auto const& entry : ranking_) {
            if (devices.size() == size) break;
            devices.emplace_back(std::get<2>(entry));
        }
        // In the order of the fleet, so that ties between paths do not depend on what was placed before.
        std::ranges::sort(devices);
        return devices;
    }

    // Devices that can reach one another, best first, for fleets in which not everybody can.
    std::vector<DeviceId> connected(std::size_t size) const {
        std::vector<DeviceId> devices;
        std::vector<bool> taken(instance_.devices.size(), false);
        auto const add = [&](DeviceId id) {
            if (taken[id.index()] || devices.size() == size) return;
            taken[id.index()] = true;
            devices.push_back(id);
        };
        add(instance_.source ? *instance_.source : DeviceId(std::get<2>(*ranking_.begin())));
        for (std::size_t d = 0; d < devices.size() && devices.size() < size; ++d)
            for (auto const& entry : ranking_) {
                if (devices.size() == size) break;
                DeviceId const id(std::get<2>(entry));
                if (!taken[id.index()] && instance_.links.rate(devices[d], id).value() > 0) add(id);
            }
        std::ranges::sort(devices);
        return devices;
    }

    // Whether the remaining compute and memory of the whole fleet would do; false proves that no request fits.
    bool may_fit() const {
        auto const& least = choices_[by_size_.front()];
        Macs macs{};
        Bytes memory{};
        for (std::size_t i = 0; i < instance_.devices.size(); ++i) {
            macs += capacity_.macs(DeviceId(i));
            memory += capacity_.memory(DeviceId(i));
        }
        return macs >= least.macs && memory >= least.memory;
    }

    std::optional<Placed> among(std::vector<DeviceId> candidates, Goal goal, bool many) {
        Placer const placer(instance_, std::move(candidates), spread_);
        auto const attempt = [&](std::size_t c) -> std::optional<Placed> {
            auto found = placer.place(choices_[c], capacity_, goal);
            if (!found) return std::nullopt;
            return Placed{{c, std::move(found->devices)},
                          instance_.alpha * found->latency / instance_.reference_latency.value() +
                              instance_.beta * (1 - choices_[c].accuracy),
                          found->latency};
        };
        if (goal == Goal::room) {
            for (std::size_t const c : by_size_)
                if (auto found = attempt(c)) return found;
            return std::nullopt;
        }
        std::optional<Placed> best;
        if (many && since_refresh_++ % refresh != 0) {
            for (std::size_t const c : kept_)
                if (auto found = attempt(c); found && (!best || better(*found, *best, choices_)))
                    best = std::move(found);
            if (best) return best;
        }
        std::vector<Placed> all;
        for (std::size_t c = 0; c < choices_.size(); ++c)
            if (auto found = attempt(c)) all.push_back(std::move(*found));
        std::ranges::stable_sort(all, [&](Placed const& a, Placed const& b) { return better(a, b, choices_); });
        kept_.clear();
        for (auto const& one : all)
            if (kept_.size() < kept_choices) kept_.push_back(one.choice);
        if (all.empty()) return std::nullopt;
        return std::move(all.front());
    }

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    Spread spread_;
    Capacity capacity_;
    std::vector<double> scores_;
    std::set<Rank> ranking_;
    std::vector<std::size_t> by_size_;  // choices, least needed first
    std::vector<std::size_t> kept_;     // choices that were best when all were tried
    std::size_t since_refresh_ = 0;
    std::vector<Placed> placed_;
};

// The instance without one of its constraints.
Instance lifted(Instance instance, Binding constraint) {
    constexpr auto plenty = std::int64_t{1} << 60;
    switch (constraint) {
        case Binding::none:
            break;
        case Binding::memory:
            for (auto& device : instance.devices) device.memory = Bytes(plenty);
            break;
        case Binding::compute:
            for (auto& device : instance.devices) device.macs = Macs(plenty);
            break;
        case Binding::energy:
            for (auto& device : instance.devices) device.energy = Joules(std::numeric_limits<double>::infinity());
            break;
        case Binding::accuracy:
            instance.accuracy_threshold = -std::numeric_limits<double>::infinity();
            break;
        case Binding::link: {
            // Whoever cannot be reached is, at the best rate there is.
            auto const devices = instance.devices.size();
            std::vector<double> rates(devices * devices, 0), latencies(devices * devices, 0);
            double best = 0;
            for (std::size_t i = 0; i < devices; ++i)
                for (std::size_t k = 0; k < devices; ++k) {
                    if (i == k) continue;
                    rates[i * devices + k] = instance.links.rate(DeviceId(i), DeviceId(k)).value();
                    latencies[i * devices + k] = instance.links.latency(DeviceId(i), DeviceId(k)).value();
                    best = std::max(best, rates[i * devices + k]);
                }
            if (best == 0) best = 1e12;
            for (auto& rate : rates)
                if (rate == 0) rate = best;
            instance.links = LinkTable::dense(devices, std::move(rates), std::move(latencies));
            break;
        }
    }
    return instance;
}

// Whether a request more than the plan admits fits into this instance, the others staying where they are.
bool one_more_fits(Instance const& instance, PlanResult const& result, Spread spread) {
    auto const choices = choices_of(instance);
    if (choices.empty()) return false;
    Sequence sequence(instance, choices, spread);
    for (auto& one : placements_of(instance, result, choices)) sequence.put({std::move(one)});
    return sequence.find(Goal::room, static_cast<std::size_t>(instance.requests)).has_value();
}

double total_objective(std::vector<Placed> const& placed) {
    return std::accumulate(placed.begin(), placed.end(), 0.0,
                           [](double sum, Placed const& one) { return sum + one.objective; });
}

}  // namespace

PlanResult plan_sequentially(Instance const& instance, Spread spread) {
    auto const requests = static_cast<std::size_t>(std::max(instance.requests, 0));
    auto const choices = choices_of(instance);
    Sequence sequence(instance, choices, spread);
    sequence.fill(requests, Goal::latency);
    auto best = sequence.placed();
    if (best.size() < requests && !choices.empty()) {
        Sequence frugal(instance, choices, spread);
        frugal.fill(requests, Goal::room);
        frugal.improve(requests);
        frugal.fill(requests, Goal::room);
        auto const& other = frugal.placed();
        if (other.size() > best.size() ||
            (other.size() == best.size() && total_objective(other) < total_objective(best)))
            best = other;
    }
    auto result = result_of(instance, choices, std::vector<Placement>(best.begin(), best.end()));
    result.admitted_bound = choices.empty() ? 0 : instance.requests;
    return result;
}

Binding binding_of(Instance const& instance, PlanResult const& result, Spread spread) {
    constexpr std::array constraints{Binding::compute, Binding::memory, Binding::energy, Binding::accuracy,
                                     Binding::link};
    constexpr std::size_t largest_dense = 1000;  // fleets whose links are lifted, pair by pair
    if (std::ranges::all_of(result.requests, &RequestPlan::admitted)) return Binding::none;
    auto const liftable = [&](Binding constraint) {
        return constraint != Binding::link || instance.devices.size() <= largest_dense;
    };
    for (auto const constraint : constraints)
        if (liftable(constraint) && one_more_fits(lifted(instance, constraint), result, spread)) return constraint;
    for (auto const constraint : constraints) {
        auto others = instance;
        for (auto const other : constraints)
            if (other != constraint && liftable(other)) others = lifted(std::move(others), other);
        if (!one_more_fits(others, result, spread)) return constraint;
    }
    return Binding::compute;
}

}  // namespace skipstone::planner
