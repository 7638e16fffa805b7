#include "planner/sequential.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "planner/budget.hpp"
#include "planner/connection.hpp"
#include "planner/room_proof.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

constexpr std::size_t all_are_candidates = 24;  // fleets up to this size are searched whole
constexpr std::size_t many_requests = 100;
constexpr std::size_t few_candidates = 16;  // with many requests
constexpr std::size_t kept_choices = 4;     // with many requests: drop sets that are tried again at once
constexpr std::size_t refresh = 16;         // … and after how many requests all are
constexpr std::size_t first_search = 96;    // candidates, when few do not suffice
constexpr std::size_t widest_search = 400;  // … and when these do not

struct Placed : Placement {
    double objective = 0;  // the request's own share, before division by R
    double latency = 0;
};

// Lower objective first, ties broken by latency, then accuracy.
bool better(Placed const& a, Placed const& b, std::vector<Choice> const& choices) {
    constexpr double same = 1e-12;
    if (std::abs(a.objective - b.objective) > same) return a.objective < b.objective;
    if (std::abs(a.latency - b.latency) > same) return a.latency < b.latency;
    return choices[a.choice].accuracy > choices[b.choice].accuracy;
}

// Less the score, less the speed, device: the best device has the least.
using Rank = std::tuple<double, double, std::int32_t>;

// The devices from the best. Of a large fleet a round needs few: those that nobody asked for lie in a heap, in no
// further order.
class Ranking {
  public:
    explicit Ranking(std::vector<Rank> ranks) : rest_(std::move(ranks)), ranked_(rest_.size(), false) {
        std::ranges::make_heap(rest_, std::greater());
    }

    // The best `size` of them, or all, in order.
    template <class Visit>
    void visit_best(std::size_t size, Visit&& visit) {
        auto next = best_.begin();
        for (std::size_t i = 0; i < size; ++i, ++next) {
            drop_ranked();
            if (!rest_.empty() && (next == best_.end() || rest_.front() < *next)) {
                next = best_.insert(next, rest_.front());
                ranked_[device(*next)] = true;
            }
            if (next == best_.end()) return;
            visit(DeviceId(std::get<2>(*next)));
        }
    }

    void change(Rank const& before, Rank const& after) {
        best_.erase(before);
        best_.insert(after);
        ranked_[device(after)] = true;
    }

  private:
    static std::size_t device(Rank const& rank) { return static_cast<std::size_t>(std::get<2>(rank)); }

    void drop_ranked() {
        while (!rest_.empty() && ranked_[device(rest_.front())]) {
            std::ranges::pop_heap(rest_, std::greater());
            rest_.pop_back();
        }
    }

    std::set<Rank> best_;
    std::vector<Rank> rest_;    // a heap, the best first; those in best_ are out of date
    std::vector<bool> ranked_;  // by device: in best_
};

class Sequence {
  public:
    Sequence(Instance const& instance, std::vector<Choice> const& choices, Spread spread, Budget const& clock)
        : instance_(instance),
          choices_(choices),
          works_(works_of(instance, choices)),
          spread_(spread),
          clock_(clock),
          capacity_(instance),
          scores_(all_scores()),
          ranking_(all_ranks()) {
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

    // Adds requests until there are `requests`, none fits, or the time is over.
    void fill(std::size_t requests, Seek seek) {
        while (placed_.size() < requests && !clock_.spent()) {
            auto found = find(seek, requests);
            if (!found) return;
            put(std::move(*found));
        }
    }

    void improve(std::size_t requests) {
        for (std::size_t r = 0; r < placed_.size() && !clock_.spent(); ++r) {
            Placed const old = placed_[r];
            capacity_.give_back(choices_[old.choice], old.devices);
            update(old.devices);
            auto found = find(Seek::latency, requests);
            placed_[r] = found && better(*found, old, choices_) ? std::move(*found) : old;
            take(placed_[r]);
        }
    }

    void put(Placed placed) {
        take(placed);
        placed_.push_back(std::move(placed));
    }

    // One more request, anywhere among the candidates; nothing when none is found.
    std::optional<Placed> find(Seek seek, std::size_t requests) {
        if (choices_.empty() || instance_.devices.empty()) return std::nullopt;
        auto const everyone = instance_.devices.size();
        bool const many = requests > many_requests && everyone > all_are_candidates;
        if (auto found = among(top(many ? few_candidates : all_are_candidates), seek, many)) return found;
        if (everyone <= all_are_candidates || !may_fit()) return std::nullopt;
        if (spread_ == Spread::one_device) return among(top(everyone), seek, false);
        for (std::size_t size = first_search; size < 2 * widest_search; size *= 2)
            if (auto found = among(connected(std::min(size, widest_search)), seek, false)) return found;
        return elsewhere(seek);
    }

    // Whether one more request fits, as far as is found; of small fleets every way is tried, too, as far as few looks
    // go.
    bool has_room(std::size_t requests) {
        constexpr int most_looks = 1500;
        if (find(Seek::room, requests)) return true;
        if (choices_.empty() || instance_.devices.size() > all_are_candidates || spread_ == Spread::one_device ||
            !may_fit())
            return false;
        int looks = most_looks;
        std::vector<DeviceId> devices;
        return std::ranges::any_of(by_size_, [&](std::size_t c) {
            devices.clear();
            return completes(choices_[c], devices, looks);
        });
    }

  private:
    // Whether what is placed of a request can be continued to its end.
    bool completes(Choice const& choice, std::vector<DeviceId>& devices, int& looks) const {
        if (devices.size() == choice.steps.size()) return true;
        for (std::size_t i = 0; i < instance_.devices.size() && looks > 0; ++i) {
            --looks;
            devices.emplace_back(i);
            if (capacity_.fits(choice, devices) && completes(choice, devices, looks)) return true;
            devices.pop_back();
        }
        return false;
    }

    void take(Placed const& placed) {
        capacity_.take(choices_[placed.choice], placed.devices);
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

    std::vector<double> all_scores() const {
        std::vector<double> scores;
        scores.reserve(instance_.devices.size());
        for (std::size_t i = 0; i < instance_.devices.size(); ++i) scores.push_back(score(DeviceId(i)));
        return scores;
    }

    std::vector<Rank> all_ranks() const {
        std::vector<Rank> ranks;
        ranks.reserve(instance_.devices.size());
        for (std::size_t i = 0; i < instance_.devices.size(); ++i) ranks.push_back(rank(DeviceId(i)));
        return ranks;
    }

    Rank rank(DeviceId id) const {
        return {-scores_[id.index()], -instance_.devices[id.index()].mac_rate.value(), id.value()};
    }

    void update(std::vector<DeviceId> const& devices) {
        for (std::size_t s = 0; s < devices.size(); ++s) {
            if (s > 0 && devices[s] == devices[s - 1]) continue;
            auto const before = rank(devices[s]);
            scores_[devices[s].index()] = score(devices[s]);
            ranking_.change(before, rank(devices[s]));
        }
    }

    std::vector<DeviceId> top(std::size_t size) {
        std::vector<DeviceId> devices;
        ranking_.visit_best(size, [&](DeviceId id) { devices.push_back(id); });
        // In the order of the fleet, so that ties between paths do not depend on what was placed before.
        std::ranges::sort(devices);
        return devices;
    }

    std::vector<DeviceId> all_ranked() {
        std::vector<DeviceId> ranked;
        ranking_.visit_best(instance_.devices.size(), [&](DeviceId id) { ranked.push_back(id); });
        return ranked;
    }

    // Devices that the source, or the best one, is connected with, best first.
    std::vector<DeviceId> connected(std::size_t size) {
        auto const ranked = all_ranked();
        auto devices = instance_.source ? connected_with(instance_.links, *instance_.source, ranked, Reach::from, size)
                                        : connected_with(instance_.links, ranked.front(), ranked, Reach::either, size);
        std::ranges::sort(devices);
        return devices;
    }

    // In the parts that the fleet falls into, beside the devices that connected() finds. Small ones are tried together.
    std::optional<Placed> elsewhere(Seek seek) {
        constexpr double most_pairs = 4e5;          // of candidates, together
        if (instance_.source) return std::nullopt;  // images reach only what it is connected with
        if (parts_.empty()) parts_ = parts_of(instance_.links);
        auto const ranked = all_ranked();
        std::map<std::size_t, std::vector<DeviceId>> members;  // of each part, best first
        std::vector<std::size_t> order;                        // of the parts, by the best of each
        for (auto const id : ranked) {
            auto& part = members[parts_[id.index()]];
            if (part.empty()) order.push_back(parts_[id.index()]);
            part.push_back(id);
        }
        std::vector<DeviceId> together;
        double pairs = 0;
        auto const attempt = [&]() -> std::optional<Placed> {
            auto devices = std::exchange(together, {});
            auto const count = static_cast<double>(devices.size());
            if (devices.empty() || (pairs += count * count) > most_pairs) return std::nullopt;
            std::ranges::sort(devices);
            return among(std::move(devices), seek, false);
        };
        bool tried = true;  // connected() has the first ones
        for (auto const number : order)
            for (auto rest = std::move(members[number]); !rest.empty();) {
                auto const group = connected_with(instance_.links, rest.front(), rest, Reach::either, widest_search);
                std::erase_if(rest, [taken = std::set<DeviceId>(group.begin(), group.end())](DeviceId id) {
                    return taken.contains(id);
                });
                if (std::exchange(tried, false) || !may_fit(group)) continue;
                if (together.size() + group.size() > first_search)
                    if (auto found = attempt()) return found;
                together.insert(together.end(), group.begin(), group.end());
                if (pairs > most_pairs) return std::nullopt;
            }
        return attempt();
    }

    // Whether the remaining compute and memory of the whole fleet would do; false proves that no request fits.
    bool may_fit() const {
        std::vector<DeviceId> everyone;
        for (std::size_t i = 0; i < instance_.devices.size(); ++i) everyone.emplace_back(i);
        return may_fit(everyone);
    }

    // Likewise of these devices.
    bool may_fit(std::vector<DeviceId> const& devices) const {
        constexpr double rounding = 1 - 1e-9;  // of sums
        double macs = 0, memory = 0;
        for (auto const device : devices) {
            macs += static_cast<double>(capacity_.macs(device).value());
            memory += static_cast<double>(capacity_.memory(device).value());
        }
        return std::ranges::any_of(choices_, [&](Choice const& choice) {
            return macs >= rounding * static_cast<double>(choice.macs.value()) &&
                   memory >= rounding * static_cast<double>(choice.memory.value());
        });
    }

    std::optional<Placed> among(std::vector<DeviceId> candidates, Seek seek, bool many) {
        Placer const placer(instance_, works_, std::move(candidates), spread_);
        auto const attempt = [&](std::size_t c) -> std::optional<Placed> {
            auto found = placer.place(choices_[c], capacity_, seek);
            if (!found) return std::nullopt;
            return Placed{{c, std::move(found->devices)},
                          instance_.alpha * found->latency / instance_.reference_latency.value() +
                              instance_.beta * (1 - choices_[c].accuracy),
                          found->latency};
        };
        if (seek == Seek::room) {
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
    std::vector<Step> works_;
    Spread spread_;
    Budget const& clock_;
    Capacity capacity_;
    std::vector<double> scores_;
    Ranking ranking_;
    std::vector<std::size_t> by_size_;  // choices, least needed first
    std::vector<std::size_t> kept_;     // choices that were best when all were tried
    std::size_t since_refresh_ = 0;
    std::vector<std::size_t> parts_;  // of the fleet, by device; found when first needed
    std::vector<Placed> placed_;
};

// The instance without one of its constraints.
Instance lifted(Instance instance, Binding constraint) {
    constexpr auto plenty = std::int64_t{1} << 60;
    switch (constraint) {
        case Binding::none:
        case Binding::unknown:
            break;
        case Binding::memory:
            for (auto& device : instance.devices) (device.off ? device.off->memory : device.memory) = Bytes(plenty);
            break;
        case Binding::compute:
            for (auto& device : instance.devices) (device.off ? device.off->macs : device.macs) = Macs(plenty);
            break;
        case Binding::energy:
            for (auto& device : instance.devices) {
                if (device.off && device.off->because == OffBecause::energy) device.switch_on();
                (device.off ? device.off->energy : device.energy) = Joules(std::numeric_limits<double>::infinity());
            }
            break;
        case Binding::accuracy:
            instance.accuracy_threshold = -std::numeric_limits<double>::infinity();
            break;
        case Binding::link: {
            // Whoever cannot be reached is, at the best rate there is; but what is down stays down.
            LinkTable const& links = instance.cut ? instance.cut->whole : instance.links;
            auto const devices = instance.devices.size();
            std::vector<double> rates(devices * devices, 0), latencies(devices * devices, 0);
            double best = 0;
            for (std::size_t i = 0; i < devices; ++i)
                for (std::size_t k = 0; k < devices; ++k) {
                    if (i == k) continue;
                    rates[i * devices + k] = links.rate(DeviceId(i), DeviceId(k)).value();
                    latencies[i * devices + k] = links.latency(DeviceId(i), DeviceId(k)).value();
                    best = std::max(best, rates[i * devices + k]);
                }
            if (best == 0) best = 1e12;
            for (auto& rate : rates)
                if (rate == 0) rate = best;
            auto const cut = instance.cut;
            instance.cut.reset();
            instance.links = LinkTable::dense(devices, std::move(rates), std::move(latencies));
            if (cut) instance.cut_links(cut->pairs);
            break;
        }
        case Binding::outage:
            for (auto& device : instance.devices)
                if (device.off && device.off->because == OffBecause::outage) device.switch_on();
            instance.mend_links();
            break;
    }
    return instance;
}

// Whether a request more than the plan admits is found to fit into this instance, the others staying where they are.
bool one_more_fits(Instance const& instance, PlanResult const& result, Spread spread) {
    auto const choices = choices_of(instance);
    if (choices.empty() || instance.source_is_off()) return false;
    Budget const endless(std::numeric_limits<double>::infinity());
    Sequence sequence(instance, choices, spread, endless);
    for (auto& one : placements_of(instance, result, choices)) sequence.put({std::move(one)});
    return sequence.has_room(static_cast<std::size_t>(instance.requests));
}

// Whether it is proven that none does.
bool no_more_fits(Instance const& instance, PlanResult const& result, Spread spread) {
    auto const choices = choices_of(instance);
    if (choices.empty() || instance.source_is_off()) return true;
    Capacity capacity(instance);
    for (auto const& one : placements_of(instance, result, choices)) capacity.take(choices[one.choice], one.devices);
    return proves_no_room(instance, choices, works_of(instance, choices), capacity, spread);
}

double total_objective(std::vector<Placed> const& placed) {
    return std::accumulate(placed.begin(), placed.end(), 0.0,
                           [](double sum, Placed const& one) { return sum + one.objective; });
}

}  // namespace

PlanResult plan_sequentially(Instance const& instance, Spread spread, std::optional<double> seconds) {
    Budget const clock(std::numeric_limits<double>::infinity(), seconds);
    auto const requests = static_cast<std::size_t>(std::max(instance.requests, 0));
    auto const choices = choices_of(instance);
    Sequence sequence(instance, choices, spread, clock);
    sequence.fill(requests, Seek::latency);
    auto best = sequence.placed();
    if (best.size() < requests && !choices.empty()) {
        Sequence frugal(instance, choices, spread, clock);
        frugal.fill(requests, Seek::room);
        frugal.improve(requests);
        frugal.fill(requests, Seek::room);
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
    constexpr std::array constraints{Binding::outage, Binding::compute,  Binding::memory,
                                     Binding::energy, Binding::accuracy, Binding::link};
    constexpr std::size_t largest_dense = 1000;  // fleets whose links are lifted, pair by pair
    if (std::ranges::all_of(result.requests, &RequestPlan::admitted)) return Binding::none;
    bool const proven = std::ranges::count(result.requests, true, &RequestPlan::admitted) >= result.admitted_bound;
    // Where there may be room as it is, which the planner did not find, nothing is to blame.
    if (!proven && !no_more_fits(instance, result, spread)) return Binding::unknown;
    bool const any_down = instance.cut || std::ranges::any_of(instance.devices, [](InstanceDevice const& device) {
                              return device.off && device.off->because == OffBecause::outage;
                          });
    auto const liftable = [&](Binding constraint) {
        if (constraint == Binding::outage) return any_down;
        return constraint != Binding::link || instance.devices.size() <= largest_dense;
    };
    for (auto const constraint : constraints)
        if (liftable(constraint) && one_more_fits(lifted(instance, constraint), result, spread)) return constraint;
    for (auto const constraint : constraints) {
        if (constraint == Binding::outage && !any_down) continue;
        auto others = instance;
        for (auto const other : constraints)
            if (other != constraint && liftable(other)) others = lifted(std::move(others), other);
        if (no_more_fits(others, result, spread)) return constraint;
    }
    return Binding::unknown;
}

}  // namespace skipstone::planner
