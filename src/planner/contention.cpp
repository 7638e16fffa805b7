#include "planner/contention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "planner/budget.hpp"
#include "planner/capacity.hpp"
#include "planner/choice.hpp"
#include "planner/exact.hpp"
#include "planner/pricer.hpp"
#include "planner/split_search.hpp"
#include "planner/stream.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

constexpr int most_simulations = 6000;        // in one round
constexpr std::size_t most_exchanges = 1000;  // candidates for one pair of requests
constexpr int most_sweeps = 20;               // over all requests
constexpr double most_work = 1e9;             // elementary operations of one round
constexpr double split_work = 3e8;            // … and of splitting blocks
constexpr double simulation_work = 300;       // … of simulating one block
constexpr double unlimited_work = 1e18;
constexpr double exact_share = 0.6;  // of a time limit, for the plan to begin with

// What a planner knows of the round before it happens.
struct Forecast {
    timeline::Conditions conditions;
    std::vector<Seconds> ready;  // per request
};

Forecast foreseen(Instance const& instance, timeline::Conditions const* given, std::vector<Seconds> ready) {
    Forecast forecast;
    if (given) forecast.conditions = *given;
    forecast.conditions.links = instance.links;  // which lose on average what they lose
    forecast.conditions.jitter = Seconds(0);
    forecast.conditions.loss = 0;
    auto const requests = static_cast<std::size_t>(std::max(instance.requests, 0));
    SKIPSTONE_EXPECT(ready.empty() || ready.size() == requests);
    forecast.ready = std::move(ready);
    forecast.ready.resize(requests, forecast.conditions.start);
    return forecast;
}

// Where requests leave at exits, each of them stands for all that do as it does: its tasks and moves take the share of
// their time that the share of the requests that get there takes. Returns the latency of links that is too much then.
double take_shares(Instance const& instance, PlanResult const& plan, std::vector<timeline::Job>& jobs) {
    double too_much = 0;
    if (instance.exits.empty()) return too_much;
    for (auto& job : jobs) {
        auto& graph = job.work;
        auto const reach = reach_of(instance, plan.requests[job.request.index()].dropped);
        for (Task& task : graph.tasks) task.duration = expected(task.duration, share_of(instance, task, reach));
        auto const share = shares_of_moves(instance, graph, reach);
        for (std::size_t m = 0; m < graph.moves.size(); ++m) {
            Move& move = graph.moves[m];
            auto const bytes = static_cast<double>(move.bytes.serialised.value());
            move.bytes.serialised = Bytes(static_cast<std::int64_t>(std::ceil(share[m] * bytes)));
            too_much += (1 - share[m]) * instance.links.latency(move.sender, move.receiver).value();
        }
    }
    return too_much;
}

double mean_latency(Instance const& instance, PlanResult const& plan, Forecast const& forecast) {
    auto jobs = timeline::jobs_of(instance, plan, forecast.ready, forecast.conditions.start);
    double sum = -take_shares(instance, plan, jobs);
    auto const times = timeline::simulate(jobs, forecast.conditions);
    for (std::size_t j = 0; j < jobs.size(); ++j) sum += (times.jobs[j].finish - jobs[j].ready).value();
    return sum / static_cast<double>(jobs.size());
}

struct Value {
    double objective = std::numeric_limits<double>::infinity(), latency = 0;
    bool operator<(Value const& other) const {
        constexpr double same = 1e-12;
        return std::abs(objective - other.objective) > same ? objective < other.objective
                                                            : latency < other.latency - same;
    }
};

class LocalSearch {
  public:
    LocalSearch(Instance const& instance, std::vector<Choice> const& choices, Forecast forecast,
                std::vector<Placement> plan, Budget& budget)
        : instance_(instance),
          choices_(choices),
          forecast_(std::move(forecast)),
          plan_(std::move(plan)),
          works_(works_of(instance, choices)),
          pricer_(instance, choices, works_),
          budget_(budget),
          value_(value_of(plan_)) {}

    std::vector<Placement> run() {
        for (int sweep = 0; sweep < most_sweeps; ++sweep) {
            bool better = false;
            for (std::size_t r = 0; r < plan_.size() && !spent(); ++r) better = improve(r) || better;
            for (std::size_t r = 0; r < plan_.size() && !better; ++r)
                for (std::size_t q = 0; q < r && !better && !spent(); ++q) better = exchange(q, r);
            if (!better || spent()) break;
        }
        return plan_;
    }

  private:
    bool spent() const { return simulations_ >= most_simulations || budget_.spent(); }

    Value value_of(std::vector<Placement> const& plan) {
        ++simulations_;
        budget_.spend(simulation_work * static_cast<double>(plan.size() * instance_.blocks.size()));
        auto const result = result_of(instance_, choices_, plan);
        Value value;
        value.latency = mean_latency(instance_, result, forecast_);
        double loss = 0;
        for (auto const& placement : plan) loss += 1 - choices_[placement.choice].accuracy;
        value.objective = instance_.alpha * value.latency / instance_.reference_latency.value() +
                          instance_.beta * loss / static_cast<double>(plan.size());
        return value;
    }

    // Everything else that request r could do while the others stay.
    bool improve(std::size_t r) {
        Capacity capacity(instance_);
        std::vector<double> busy(instance_.devices.size(), 0);  // s, by the others
        for (std::size_t q = 0; q < plan_.size(); ++q) {
            if (q == r) continue;
            auto const& choice = choices_[plan_[q].choice];
            capacity.take(choice, plan_[q].devices);
            for (std::size_t s = 0; s < choice.steps.size(); ++s)
                busy[plan_[q].devices[s].index()] +=
                    expected_time(instance_, choice.steps[s], plan_[q].devices[s]).value();
        }
        auto candidates = detours(capacity, busy);
        for (auto& variation : variations(plan_[r])) candidates.push_back(std::move(variation));
        bool better = false;
        for (auto& candidate : candidates) {
            if (spent()) break;
            if (!capacity.fits(choices_[candidate.choice], candidate.devices)) continue;
            auto changed = plan_;
            changed[r] = std::move(candidate);
            better |= adopt_if_better(std::move(changed));
        }
        return better;
    }

    bool adopt_if_better(std::vector<Placement> changed) {
        auto const value = value_of(changed);
        if (!(value < value_)) return false;
        value_ = value;
        plan_ = std::move(changed);
        return true;
    }

    struct Segment {
        std::size_t begin, end;  // steps [begin, end)
    };

    static std::vector<Segment> segments_of(Placement const& placement) {
        std::vector<Segment> segments;
        for (std::size_t s = 0; s < placement.devices.size(); ++s) {
            if (s == 0 || placement.devices[s] != placement.devices[s - 1]) segments.push_back({s, s});
            segments.back().end = s + 1;
        }
        return segments;
    }

    // Two requests trade devices, segment for segment, where the fleet is too full for one of them to move alone; each
    // segment may give its first or last step to its neighbour on the way.
    bool exchange(std::size_t q, std::size_t r) {
        Capacity capacity(instance_);
        for (std::size_t other = 0; other < plan_.size(); ++other)
            if (other != q && other != r) capacity.take(choices_[plan_[other].choice], plan_[other].devices);
        std::vector<std::pair<Placement, Placement>> candidates;
        if (forecast_.ready[q] != forecast_.ready[r]) candidates.emplace_back(plan_[r], plan_[q]);
        auto const put = [](Placement placement, Segment segment, DeviceId device) {
            for (std::size_t s = segment.begin; s < segment.end; ++s) placement.devices[s] = device;
            return placement;
        };
        for (auto const a : segments_of(plan_[q]))
            for (auto const b : segments_of(plan_[r])) {
                auto const first = plan_[q].devices[a.begin], second = plan_[r].devices[b.begin];
                if (first == second) continue;
                auto const one = put(plan_[q], a, second), two = put(plan_[r], b, first);
                candidates.emplace_back(one, two);
                for (auto& changed : variations(one)) candidates.emplace_back(std::move(changed), two);
                for (auto& changed : variations(two)) candidates.emplace_back(one, std::move(changed));
            }
        auto alone = capacity;
        for (auto& path : detours(capacity, std::vector<double>(instance_.devices.size(), 0))) {
            // The one wherever it is best, the other where that leaves room.
            for (bool const swapped : {false, true}) {
                if (spent()) break;
                if (!capacity.fits(choices_[path.choice], path.devices)) break;
                alone = capacity;
                alone.take(choices_[path.choice], path.devices);
                std::vector<double> busy(instance_.devices.size(), 0);
                auto const& steps = choices_[path.choice].steps;
                for (std::size_t s = 0; s < steps.size(); ++s)
                    busy[path.devices[s].index()] += expected_time(instance_, steps[s], path.devices[s]).value();
                for (auto& rest : detours(alone, busy)) {
                    if (swapped)
                        candidates.emplace_back(std::move(rest), path);
                    else
                        candidates.emplace_back(path, std::move(rest));
                }
                if (candidates.size() > most_exchanges) break;
            }
            if (candidates.size() > most_exchanges) break;
        }
        bool better = false;
        for (auto& [one, two] : candidates) {
            if (spent()) break;
            if (!capacity.fits(choices_[one.choice], one.devices)) continue;
            alone = capacity;
            alone.take(choices_[one.choice], one.devices);
            if (!alone.fits(choices_[two.choice], two.devices)) continue;
            auto changed = plan_;
            changed[q] = std::move(one);
            changed[r] = std::move(two);
            better |= adopt_if_better(std::move(changed));
        }
        return better;
    }

    // Good paths when busy devices cost more, from not at all to twice what the others compute there.
    std::vector<Placement> detours(Capacity const& capacity, std::vector<double> const& busy) {
        std::vector<Placement> found;
        auto const devices = instance_.devices.size();
        double const second = std::max(instance_.alpha, 1e-6) / instance_.reference_latency.value();
        pricer_.restrict_to(capacity);
        for (double const weight : {0.0, 0.3, 1.0, 2.0}) {
            if (spent()) break;
            budget_.spend(pricer_.work());
            Prices prices;
            prices.per_second = second;
            for (Step const& work : works_)
                for (std::size_t i = 0; i < devices; ++i)
                    prices.work.push_back(second * weight * busy[i] / instance_.reference_latency.value() *
                                          expected_time(instance_, work, DeviceId(i)).value());
            prices.transmit.assign(devices, 0);
            prices.receive.assign(devices, 0);
            for (auto const& choice : choices_) prices.choice.push_back(instance_.beta * (1 - choice.accuracy));
            for (auto& path : pricer_.run(prices, std::numeric_limits<double>::infinity(), 3))
                found.push_back({path.choice, std::move(path.devices)});
        }
        return found;
    }

    // The placement with one segment on another device, or with one boundary between segments moved.
    std::vector<Placement> variations(Placement const& placement) const {
        std::vector<Placement> found;
        auto const& devices = placement.devices;
        auto const steps = devices.size();
        for (std::size_t begin = 0; begin < steps;) {
            std::size_t end = begin;
            while (end < steps && devices[end] == devices[begin]) ++end;
            for (std::size_t i = 0; i < instance_.devices.size(); ++i) {
                if (DeviceId(i) == devices[begin]) continue;
                auto moved = placement;
                for (std::size_t s = begin; s < end; ++s) moved.devices[s] = DeviceId(i);
                found.push_back(std::move(moved));
            }
            for (std::size_t shift = 1; shift <= 2; ++shift) {
                if (begin >= shift) {  // this segment takes steps from the one before
                    auto moved = placement;
                    for (std::size_t s = begin - shift; s < begin; ++s) moved.devices[s] = devices[begin];
                    found.push_back(std::move(moved));
                }
                if (begin > 0 && begin + shift < end) {  // … or gives some to it
                    auto moved = placement;
                    for (std::size_t s = begin; s < begin + shift; ++s) moved.devices[s] = devices[begin - 1];
                    found.push_back(std::move(moved));
                }
            }
            begin = end;
        }
        return found;
    }

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    Forecast forecast_;
    std::vector<Placement> plan_;
    std::vector<Step> works_;
    Pricer pricer_;
    Budget& budget_;
    int simulations_ = 0;
    Value value_;
};

// Which drop sets requests take stays as it is. The bound is one of plans without splits.
void improve_by_splits(Instance const& instance, Forecast const& forecast, Options const& options, PlanResult& result) {
    Budget budget(options.time_limit_s ? unlimited_work : split_work,
                  options.time_limit_s ? std::optional(*options.time_limit_s / 5) : std::nullopt);
    auto const value = [&](std::vector<RequestPlan> const& plans) {
        budget.spend(simulation_work * static_cast<double>(plans.size() * instance.blocks.size()));
        PlanResult plan;
        plan.requests = plans;
        return mean_latency(instance, plan, forecast);
    };
    result.requests = split_where_it_helps(instance, std::move(result.requests), value, budget);
    result.bound.reset();
}

}  // namespace

double emulated_objective(Instance const& instance, PlanResult const& plan, timeline::Conditions const* conditions,
                          std::vector<Seconds> const& ready) {
    double loss = 0;
    int admitted = 0;
    for (auto const& request : plan.requests) {
        if (!request.admitted) continue;
        loss += 1 - request.accuracy;
        ++admitted;
    }
    if (admitted == 0) return std::numeric_limits<double>::quiet_NaN();
    return instance.alpha * mean_latency(instance, plan, foreseen(instance, conditions, ready)) /
               instance.reference_latency.value() +
           instance.beta * loss / admitted;
}

PlanResult plan_contention(Instance const& instance, Options const& options) {
    // Without a time limit the search stops by work done, like the exact planner.
    Budget budget(options.time_limit_s ? unlimited_work : most_work, options.time_limit_s);
    auto first = options;
    if (first.time_limit_s) *first.time_limit_s *= exact_share;
    auto result = plan_exact(instance, first);
    auto const choices = choices_of(instance);
    if (std::ranges::none_of(result.requests, &RequestPlan::admitted)) return result;
    // Queues only ever add to Eq. 8, so its bound holds here too.
    double loss = 0, latency = 0;
    int admitted = 0;
    for (auto const& request : result.requests) {
        if (!request.admitted) continue;
        auto const cost = expected_cost(instance, request);
        latency += cost.latency.value();
        loss += 1 - request.accuracy;
        ++admitted;
    }
    auto const forecast = foreseen(instance, options.conditions, options.ready);
    double const emulated = mean_latency(instance, result, forecast);
    double const objective =
        instance.alpha * emulated / instance.reference_latency.value() + instance.beta * loss / admitted;
    bool const whole =
        std::ranges::all_of(instance.blocks, [](InstanceBlock const& block) { return block.splits.empty(); });
    bool const proven =
        result.bound && objective - *result.bound <= 1e-6 * objective && emulated <= (1 + 1e-9) * latency / admitted;
    if (proven && whole) return result;
    if (!proven) {
        LocalSearch search(instance, choices, forecast, placements_of(instance, result, choices), budget);
        result.requests = result_of(instance, choices, search.run()).requests;
    }
    if (!whole) improve_by_splits(instance, forecast, options, result);
    return result;
}

}  // namespace skipstone::planner
