#include "planner/ga.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "model/cost_model.hpp"
#include "planner/algorithm1.hpp"
#include "planner/budget.hpp"
#include "planner/capacity.hpp"
#include "planner/choice.hpp"
#include "planner/sequential.hpp"
#include "units/random.hpp"

namespace skipstone::planner {

namespace {

// MATLAB's documented defaults for integer problems.
constexpr std::size_t largest_population = 100, smallest_population = 40;
constexpr long generations_per_variable = 100;
constexpr std::size_t stall_generations = 50;
constexpr double crossover_fraction = 0.8, elite_fraction = 0.05;
constexpr double function_tolerance = 1e-6, constraint_tolerance = 1e-3;
// Deep et al. 2009, for integers: Laplace distribution of location 0 and scale 0.35; power distribution of index 4.
constexpr double laplace_scale = 0.35;
constexpr double laplace_beyond_one = 0.0574326192676173;  // P(|Laplace(0, 0.35)| > 1) = exp(−1/0.35)

constexpr double most_work = 1e10, unlimited_work = 1e18;  // elementary operations

constexpr std::size_t word_bits = 64;

// Per request: its drop set, and per block the set of its devices. Flat, so that a population is two arrays.
struct Shape {
    std::size_t requests = 0, blocks = 0, devices = 0, words = 0;  // words: of one block's set of devices

    std::size_t row() const { return requests * blocks * words; }  // words of x
    std::size_t variables() const { return requests * (blocks * devices + 1); }
};

struct Population {
    std::vector<std::uint64_t> x;      // [individual][request][block][word]
    std::vector<std::int32_t> choice;  // [individual][request]
    std::vector<double> objective, violation;

    Population(Shape const& shape, std::size_t size)
        : x(size * shape.row()), choice(size * shape.requests), objective(size), violation(size) {}
};

// Calls visit(i) for every device of a set.
template <class Visit>
void for_each_device(std::uint64_t const* set, std::size_t words, Visit const& visit) {
    for (std::size_t w = 0; w < words; ++w)
        for (std::uint64_t rest = set[w]; rest != 0; rest &= rest - 1)
            visit(w * word_bits + static_cast<std::size_t>(std::countr_zero(rest)));
}

// The relaxed problem: objective and constraint violation of an individual.
class Relaxation {
  public:
    Relaxation(Instance const& instance, std::vector<Choice> const& choices, Shape const& shape)
        : instance_(instance),
          choices_(choices),
          shape_(shape),
          used_(shape.devices),
          held_(holdings_of(instance) * shape.words) {
        auto const n = shape.devices;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < n; ++k) {
                double const rate = i == k ? 0 : instance.links.rate(DeviceId(i), DeviceId(k)).value();
                seconds_per_byte_.push_back(rate > 0 ? 8 / rate : std::numeric_limits<double>::infinity());
                latency_.push_back(i == k ? 0 : instance.links.latency(DeviceId(i), DeviceId(k)).value());
            }
        auto const finite = [](Seconds time) { return std::isfinite(time.value()) ? time.value() : hopeless; };
        for (Step const& work : works_of(instance, choices))
            for (std::size_t i = 0; i < n; ++i) {
                compute_.push_back(finite(expected_time(instance, work, DeviceId(i))));
                reserved_.push_back(finite(reserved_time(instance, work, DeviceId(i))));
            }
        Macs macs(1);
        Bytes memory(1);
        for (auto const& choice : choices) {
            macs = std::max(macs, choice.macs);
            memory = std::max(memory, choice.memory);
        }
        for (auto const& device : instance.devices) {
            auto const limit = [](double capacity, double otherwise) { return capacity > 0 ? capacity : otherwise; };
            limits_.push_back({static_cast<double>(device.macs.value()), static_cast<double>(device.memory.value()),
                               device.energy.value()});
            scales_.push_back({limit(limits_.back().macs, static_cast<double>(macs.value())),
                               limit(limits_.back().memory, static_cast<double>(memory.value())),
                               limit(limits_.back().energy, 1)});
        }
    }

    void evaluate(Population& population, std::size_t individual) {
        std::ranges::fill(used_, Use{});
        if (instance_.memory == MemoryModel::resident) std::ranges::fill(held_, 0);
        double latency = 0, loss = 0, violation = 0;
        std::uint64_t const* const x = population.x.data() + individual * shape_.row();
        for (std::size_t r = 0; r < shape_.requests; ++r) {
            auto const c = static_cast<std::size_t>(population.choice[individual * shape_.requests + r]);
            auto const& choice = choices_[c];
            loss += 1 - choice.accuracy;
            std::uint64_t const* before = nullptr;
            Step const* last = nullptr;
            for (auto const& step : choice.steps) {
                std::uint64_t const* const here = x + (r * shape_.blocks + step.block.index()) * shape_.words;
                std::size_t devices = 0;
                for_each_device(here, shape_.words, [&](std::size_t i) {
                    ++devices;
                    auto const place = step.work * shape_.devices + i;
                    latency += compute_[place];
                    used_[i].macs += static_cast<double>(step.macs.value());
                    used_[i].memory += static_cast<double>(step.memory.value());
                    used_[i].energy += reserved_[place] * instance_.devices[i].power_compute.value();
                    if (last)
                        for_each_device(before, shape_.words, [&](std::size_t from) {
                            hop(from, i, last->output.serialised, step, latency, violation);
                        });
                    else if (instance_.source)
                        hop(instance_.source->index(), i, instance_.input, step, latency, violation);
                });
                if (devices == 0) violation += 1;  // Eq. 20
                if (instance_.memory == MemoryModel::resident)
                    for_each_holding(instance_, step, [&](std::size_t held, Bytes) {
                        for (std::size_t w = 0; w < shape_.words; ++w) held_[held * shape_.words + w] |= here[w];
                    });
                before = here;
                last = &step;
            }
        }
        if (instance_.memory == MemoryModel::resident)
            for (std::size_t j = 0; j < holdings_of(instance_); ++j)
                for_each_device(held_.data() + j * shape_.words, shape_.words, [&](std::size_t i) {
                    used_[i].memory += static_cast<double>(weights_needed(instance_, DeviceId(i), j).value());
                });
        for (std::size_t i = 0; i < shape_.devices; ++i) {
            violation += excess(used_[i].macs, limits_[i].macs, scales_[i].macs);
            violation += excess(used_[i].memory, limits_[i].memory, scales_[i].memory);
            violation += excess(used_[i].energy, limits_[i].energy, scales_[i].energy);
        }
        auto const requests = static_cast<double>(shape_.requests);
        population.objective[individual] = instance_.alpha * latency / requests / instance_.reference_latency.value() +
                                           instance_.beta * loss / requests;
        population.violation[individual] = violation;
    }

  private:
    struct Use {
        double macs = 0, memory = 0, energy = 0;
    };

    static constexpr double hopeless = 1e9;  // seconds; keeps sums finite

    void hop(std::size_t from, std::size_t to, Bytes bytes, Step const& receiver, double& latency, double& violation) {
        if (from == to) return;
        double const time = static_cast<double>(bytes.value()) * seconds_per_byte_[from * shape_.devices + to];
        if (std::isinf(time)) {
            violation += 1;
            return;
        }
        latency += receiver.reach * (time + latency_[from * shape_.devices + to]);
        double const reserved = receiver.reserved * time;
        used_[from].energy += reserved * instance_.devices[from].power_transmit.value();
        used_[to].energy += reserved * instance_.devices[to].power_receive.value();
    }

    static double excess(double used, double limit, double scale) {
        if (std::isinf(limit)) return 0;
        double const over = (used - limit) / scale;
        return over > constraint_tolerance ? over : 0;
    }

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    Shape shape_;
    std::vector<double> seconds_per_byte_, latency_;  // [from × to]
    std::vector<double> compute_, reserved_;          // [work × device], s
    std::vector<Use> limits_, scales_;                // per device
    std::vector<Use> used_;
    std::vector<std::uint64_t> held_;  // [holding × word] devices that hold its weights
};

class Search {
  public:
    Search(Instance const& instance, std::vector<Choice> const& choices, std::uint64_t seed, Budget& budget)
        : shape_{static_cast<std::size_t>(instance.requests), instance.blocks.size(), instance.devices.size(),
                 (instance.devices.size() + word_bits - 1) / word_bits},
          choices_(choices),
          random_(seed, "ga"),
          size_(std::min(std::max(10 * shape_.variables(), smallest_population), largest_population)),
          elite_(static_cast<std::size_t>(std::ceil(elite_fraction * static_cast<double>(size_)))),
          crossed_(static_cast<std::size_t>(std::round(crossover_fraction * static_cast<double>(size_ - elite_)))),
          relaxation_(instance, choices, shape_),
          now_(shape_, size_),
          next_(shape_, size_),
          penalty_(size_),
          order_(size_) {
        for (std::size_t p = 0; p < size_; ++p) {
            for (std::size_t set = 0; set < shape_.requests * shape_.blocks; ++set)
                for (std::size_t w = 0; w < shape_.words; ++w)
                    now_.x[p * shape_.row() + set * shape_.words + w] = random_.bits() & mask(w);
            for (std::size_t r = 0; r < shape_.requests; ++r)
                now_.choice[p * shape_.requests + r] =
                    static_cast<std::int32_t>(random_.below(static_cast<std::int64_t>(choices.size())));
            if (p > 0 && budget.spent()) {
                now_.violation[p] = std::numeric_limits<double>::infinity();
                continue;
            }
            budget.spend(work_of_one());
            relaxation_.evaluate(now_, p);
        }
        rank();
    }

    Shape const& shape() const { return shape_; }
    long largest_generation() const { return generations_per_variable * static_cast<long>(shape_.variables()); }
    std::uint64_t const* best_x() const { return now_.x.data() + order_[0] * shape_.row(); }
    std::int32_t const* best_choice() const { return now_.choice.data() + order_[0] * shape_.requests; }

    // Whether the best penalty value has stood still, on average over the last generations.
    bool stalled() const {
        if (history_.size() <= stall_generations) return false;
        double change = 0;
        for (std::size_t g = history_.size() - stall_generations; g < history_.size(); ++g)
            change += std::abs(history_[g] - history_[g - 1]) / std::max(1.0, std::abs(history_[g - 1]));
        return change / static_cast<double>(stall_generations) <= function_tolerance;
    }

    // The next generation; false: the budget is spent, and this one stays.
    bool advance(Budget& budget) {
        for (std::size_t p = 0; p < elite_; ++p) copy(order_[p], p);
        for (std::size_t p = elite_; p < size_; ++p) {
            budget.spend(work_of_one());
            if (budget.spent()) return false;
            auto const one = tournament();
            if (p < elite_ + crossed_)
                cross(one, tournament(), p);
            else
                mutate(one, p);
            relaxation_.evaluate(next_, p);
        }
        std::swap(now_, next_);
        rank();
        return true;
    }

  private:
    // Elementary operations of making and evaluating an individual, roughly: half of the pairs of devices hop.
    double work_of_one() const {
        auto const devices = static_cast<double>(shape_.devices);
        return 2 * static_cast<double>(shape_.requests * shape_.blocks) * (10 + devices * (1 + devices / 2));
    }

    // The bits of the w-th word that are devices.
    std::uint64_t mask(std::size_t w) const {
        std::size_t const left = shape_.devices - w * word_bits;
        return left >= word_bits ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
    }

    // Deb 2000: the feasible have their objective, the others the worst feasible objective and their violation.
    void rank() {
        double worst = -std::numeric_limits<double>::infinity();
        for (std::size_t p = 0; p < size_; ++p)
            if (now_.violation[p] == 0) worst = std::max(worst, now_.objective[p]);
        if (std::isinf(worst)) worst = 0;
        for (std::size_t p = 0; p < size_; ++p) {
            penalty_[p] = now_.violation[p] == 0 ? now_.objective[p] : worst + now_.violation[p];
            order_[p] = p;
        }
        std::ranges::sort(order_, [&](std::size_t a, std::size_t b) {
            return penalty_[a] != penalty_[b] ? penalty_[a] < penalty_[b] : a < b;
        });
        history_.push_back(penalty_[order_[0]]);
    }

    std::size_t tournament() {
        auto const players = static_cast<std::int64_t>(size_);
        auto const a = static_cast<std::size_t>(random_.below(players)),
                   b = static_cast<std::size_t>(random_.below(players));
        return penalty_[b] < penalty_[a] ? b : a;
    }

    void copy(std::size_t from, std::size_t to) {
        std::copy_n(now_.x.begin() + at(from * shape_.row()), shape_.row(), next_.x.begin() + at(to * shape_.row()));
        std::copy_n(now_.choice.begin() + at(from * shape_.requests), shape_.requests,
                    next_.choice.begin() + at(to * shape_.requests));
        next_.objective[to] = now_.objective[from];
        next_.violation[to] = now_.violation[from];
    }

    // The child is a + L·|a − b| (or b + …, by chance), L from a Laplace distribution, truncated to an integer within
    // the bounds.
    void cross(std::size_t one, std::size_t two, std::size_t child) {
        if (random_.below(2) == 1) std::swap(one, two);
        for (std::size_t w = 0; w < shape_.row(); ++w) {
            std::uint64_t const a = now_.x[one * shape_.row() + w], b = now_.x[two * shape_.row() + w];
            std::uint64_t flipped = 0;
            for (std::uint64_t rest = a ^ b; rest != 0; rest &= rest - 1)
                if (flips((a & rest & -rest) != 0)) flipped |= rest & -rest;
            next_.x[child * shape_.row() + w] = a ^ flipped;
        }
        for (std::size_t r = 0; r < shape_.requests; ++r) {
            auto const a = now_.choice[one * shape_.requests + r], b = now_.choice[two * shape_.requests + r];
            next_.choice[child * shape_.requests + r] =
                a == b ? a : truncated(a + laplace() * static_cast<double>(std::abs(a - b)));
        }
    }

    double laplace() {
        bool const negative = random_.below(2) == 1;
        double const size = -laplace_scale * portable_log(1 - random_.uniform());
        return negative ? -size : size;
    }

    // What the Laplace crossover does to a binary variable whose parents differ, without the logarithm: a step L away
    // from a bound is clipped; towards the other it reaches it when |L| > 1, and else by chance when truncated.
    bool flips(bool at_upper_bound) {
        std::uint64_t const bits = random_.bits();
        bool const negative = (bits & 1) != 0;
        if (negative != at_upper_bound) return false;
        double const u = static_cast<double>(bits >> 11) * 0x1.0p-53;
        return u < laplace_beyond_one || (bits & 2) != 0;
    }

    // Power mutation of the drop sets (binary variables lie on their bounds, from where it does not move them).
    void mutate(std::size_t parent, std::size_t child) {
        copy(parent, child);
        double const upper = static_cast<double>(choices_.size()) - 1;
        for (std::size_t r = 0; upper > 0 && r < shape_.requests; ++r) {
            auto& value = next_.choice[child * shape_.requests + r];
            double const u = random_.uniform(), s = u * u * u * u;
            value = truncated(value / upper < random_.uniform() ? value - s * value : value + s * (upper - value));
        }
    }

    // An integer stays; anything else goes down or up by chance. Within the bounds.
    std::int32_t truncated(double value) {
        double whole = std::floor(value);
        if (whole != value) whole += static_cast<double>(random_.below(2));
        return static_cast<std::int32_t>(std::clamp(whole, 0.0, static_cast<double>(choices_.size()) - 1));
    }

    static std::ptrdiff_t at(std::size_t index) { return static_cast<std::ptrdiff_t>(index); }

    Shape shape_;
    std::vector<Choice> const& choices_;
    RandomStream random_;
    std::size_t size_, elite_, crossed_;
    Relaxation relaxation_;
    Population now_, next_;
    std::vector<double> penalty_;
    std::vector<std::size_t> order_;  // best first
    std::vector<double> history_;     // best penalty value of every generation
};

// Algorithm 1 and what follows it: individuals become plans that satisfy Eq. 13-17.
class Decoder {
  public:
    Decoder(Instance const& instance, std::vector<Choice> const& choices, Shape const& shape)
        : instance_(instance), choices_(choices), shape_(shape) {
        for (auto const& device : instance.devices) rates_.push_back(device.mac_rate);
    }

    std::vector<RequestPlan> decode(std::uint64_t const* x, std::int32_t const* choice) const {
        Allocation relaxed(shape_.requests, shape_.devices, shape_.blocks);
        for (std::size_t r = 0; r < shape_.requests; ++r)
            for (auto const& step : choices_[static_cast<std::size_t>(choice[r])].steps)
                for_each_device(x + (r * shape_.blocks + step.block.index()) * shape_.words, shape_.words,
                                [&](std::size_t i) { relaxed(r, i, step.block.index()) = 1; });
        auto const allocation = allocate_devices(std::move(relaxed), instance_.links, rates_);
        Capacity capacity(instance_);
        std::vector<RequestPlan> plans;
        for (std::size_t r = 0; r < shape_.requests; ++r) {
            auto const& chosen = choices_[static_cast<std::size_t>(choice[r])];
            auto const devices = devices_of(allocation, r, chosen);
            auto& plan = plans.emplace_back();
            if (devices.empty() || !capacity.fits(chosen, devices)) continue;
            capacity.take(chosen, devices);
            plan = request_plan(instance_, chosen, devices);
        }
        return plans;
    }

  private:
    // One device per step; empty when no step has any.
    std::vector<DeviceId> devices_of(Allocation const& allocation, std::size_t r, Choice const& choice) const {
        std::vector<DeviceId> devices;
        for (auto const& step : choice.steps) {
            DeviceId device = devices.empty() ? DeviceId() : devices.back();
            for (std::size_t i = 0; i < shape_.devices; ++i)
                if (allocation(r, i, step.block.index()) == 1) device = DeviceId(i);
            devices.push_back(device);
        }
        auto const first = std::ranges::find_if(devices, [](DeviceId d) { return bool(d); });
        if (first == devices.end()) return {};
        std::fill(devices.begin(), first, *first);
        return devices;
    }

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    Shape shape_;
    std::vector<MacRate> rates_;
};

}  // namespace

PlanResult plan_ga(Instance const& instance, Options const& options,
                   std::function<void(GaProgress const&)> const& progress) {
    auto const begin = std::chrono::steady_clock::now();
    auto const seconds = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    PlanResult result;
    result.requests.resize(static_cast<std::size_t>(std::max(instance.requests, 0)));
    auto const choices = choices_of(instance);
    if (instance.requests > 0 && !choices.empty() && !instance.devices.empty()) {
        result.admitted_bound = instance.requests;
        Budget budget(options.time_limit_s ? unlimited_work : most_work, options.time_limit_s);
        Search search(instance, choices, options.seed, budget);
        Decoder const decoder(instance, choices, search.shape());
        GaProgress best;
        std::vector<std::uint64_t> seen;
        for (long generation = 0;; ++generation) {
            std::vector<std::uint64_t> leader(search.best_x(), search.best_x() + search.shape().row());
            leader.insert(leader.end(), search.best_choice(), search.best_choice() + search.shape().requests);
            if (leader != seen) {
                seen = std::move(leader);
                auto plans = decoder.decode(search.best_x(), search.best_choice());
                auto const admitted = static_cast<int>(std::ranges::count(plans, true, &RequestPlan::admitted));
                if (admitted > 0 && admitted >= best.admitted) {
                    double const objective = objective_of(instance, plans);
                    if (admitted > best.admitted || objective < *best.objective) {
                        best.admitted = admitted;
                        best.objective = objective;
                        result.requests = std::move(plans);
                    }
                }
            }
            if (progress) {
                best.generation = generation;
                best.seconds = seconds();
                progress(best);
            }
            if (generation >= search.largest_generation() || search.stalled()) break;
            if (!search.advance(budget)) break;
        }
    }
    result.binding = binding_of(instance, result, Spread::anywhere);
    return result;
}

PlanResult plan_ga(Instance const& instance, Options const& options) {
    return plan_ga(instance, options, {});
}

}  // namespace skipstone::planner
