#include "planner/milp.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "model/cost_model.hpp"
#include "planner/choice.hpp"
#include "planner/mixed_integer.hpp"
#include "planner/sequential.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

using Program = MixedIntegerProgram;

constexpr int node_limit = 2'000;  // of one search without a time limit
constexpr double patience =
    0.5;  // share of the time left after which a search for the objective gives up without a solution
constexpr double smallest_improvement = 2e-7;  // of a program's objective over a plan's
constexpr double objective_scale = 1000;
constexpr double tie_weight = 1e-7;  // of the accuracy, where the objective has none
constexpr double mega = 1e-6;  // bytes and MACs are counted in millions, so that the solver's tolerance is below one
constexpr double largest_cost = 1e7;        // of a column; what is dearer counts as much, which no bound suffers from
constexpr double most_columns = 5e5;        // that are tried
constexpr double columns_per_second = 1e5;  // … with a time limit
constexpr double tightening = 1e-6;         // relative, should the solver's tolerance let a plan pass a capacity

// Which stages each usable drop option runs, in order: a block in full or dropped with a projection left, and the heads
// behind it.
struct Chain {
    std::vector<Step> stages;
    std::vector<std::size_t> options;                 // into Instance::accuracy
    std::vector<std::vector<std::size_t>> stages_of;  // per entry of options
};

Chain chain_of(Instance const& instance) {
    Chain chain;
    std::map<std::size_t, std::size_t> number;  // by Step::work
    for (Choice const& choice : choices_of(instance)) {
        chain.options.push_back(choice.option);
        std::vector<std::size_t>& run = chain.stages_of.emplace_back();
        for (Step const& step : choice.steps) {
            auto const [entry, is_new] = number.try_emplace(step.work, chain.stages.size());
            if (is_new) chain.stages.push_back(step);
            run.push_back(entry->second);
        }
    }
    return chain;
}

// What a run of stages takes of one device, the weights included where they count.
struct Needs {
    double macs = 0, memory = 0, energy = 0;

    Needs& operator+=(Needs const& other) {
        macs += other.macs;
        memory += other.memory;
        energy += other.energy;
        return *this;
    }
    bool fit(Needs const& limit) const {
        return macs <= limit.macs && memory <= limit.memory && energy <= limit.energy * (1 + 1e-9);
    }
    Needs larger(Needs const& other) const {
        return {std::max(macs, other.macs), std::max(memory, other.memory), std::max(energy, other.energy)};
    }
};

enum class Aim { admission, objective, latency };

// The solver's tolerances are absolute: a power of two that brings an amount outside of [least, most] close to 1.
double unit_of(double amount, double least, double most) {
    if (!(amount > 0) || (amount >= least && amount <= most)) return 1;
    return std::exp2(std::clamp(-std::round(std::log2(amount)), -300.0, 300.0));
}

constexpr double least_energy = 1e-6, most_energy = 1e9;  // J, of a device, as they are
constexpr double least_cost = 1e-4, most_cost = 1e4;      // of a request, likewise

struct Assignment {
    std::size_t choice = 0;         // into Chain::options
    std::vector<DeviceId> devices;  // per stage of that option
};

// The program for a number of requests that are all alike.
//   z[r][o]        request r takes drop option o (none: it is rejected)
//   x[r][s][i]     stage s of request r runs on device i
//   flow r,s,t,i,k the tensor goes from stage s on i to stage t on k
//   w[i][j]        device i holds the weights of block or head j (MemoryModel::resident)
// A request's tensor flows from its first stage through every stage that its option runs; with z and x whole, so is the
// flow.
class Formulation {
  public:
    // Aim::admission: as many requests as possible; the others: all of them. loss_limit: sum of (1 − accuracy), with
    // Aim::latency.
    Formulation(Instance const& instance, Chain const& chain, int requests, Aim aim, double margin,
                double loss_limit = Program::unlimited)
        : instance_(instance), chain_(chain), aim_(aim), devices_(instance.devices.size()) {
        bool const resident = instance.memory == MemoryModel::resident;
        for (std::size_t i = 0; i < devices_; ++i) {
            auto const& device = instance.devices[i];
            double const factor = 1 - margin;
            limits_.push_back({static_cast<double>(device.macs.value()), static_cast<double>(device.memory.value()),
                               device.energy.value()});
            memory_.push_back(program_.add_row({.upper = factor * mega * static_cast<double>(device.memory.value())}));
            macs_.push_back(program_.add_row({.upper = factor * mega * static_cast<double>(device.macs.value())}));
            // What does not run out does not count: CBC gives wrong bounds beside rows without limits.
            bool const endless = std::isinf(device.energy.value());
            energy_unit_.push_back(endless ? 0 : unit_of(device.energy.value(), least_energy, most_energy));
            energy_.push_back(
                program_.add_row({.upper = endless ? 0 : factor * energy_unit_[i] * device.energy.value()}));
            for (std::size_t j = 0; resident && j < holdings_of(instance); ++j) {
                weights_.push_back(program_.add_column({.upper = 1}));
                program_.add(memory_[i], weights_.back(),
                             mega * static_cast<double>(weights_needed(instance, DeviceId(i), j).value()));
            }
        }
        if (aim == Aim::latency) loss_ = program_.add_row({.upper = objective_scale * loss_limit + 1e-5});
        for (int r = 0; r < requests; ++r) add_request();
        order_requests();
    }

    Program const& program() const { return program_; }

    // Per request of the program: what a solution does with it; none: rejected.
    std::vector<std::optional<Assignment>> read(std::vector<double> const& values) const {
        std::vector<std::optional<Assignment>> result;
        for (auto const& request : requests_) {
            auto& assignment = result.emplace_back();
            for (std::size_t o = 0; o < chain_.options.size(); ++o) {
                if (values[request.option[o]] < 0.5) continue;
                assignment.emplace().choice = o;
                for (auto const s : chain_.stages_of[o])
                    for (std::size_t i = 0; i < devices_; ++i)
                        if (request.at[s][i] && values[*request.at[s][i]] > 0.5)
                            assignment->devices.push_back(DeviceId(i));
                SKIPSTONE_ENSURE(assignment->devices.size() == chain_.stages_of[o].size());
            }
        }
        return result;
    }

  private:
    struct Request {
        std::vector<std::size_t> option;                             // columns
        std::vector<std::vector<std::optional<std::size_t>>> at;     // [stage][device] columns; none: cannot run there
        std::vector<std::vector<std::size_t>> into, out;             // [stage][device] rows: flow in = x = flow out
        std::vector<std::vector<std::vector<std::size_t>>> entries;  // [stage][device] columns: the flow from elsewhere
    };

    double latency_cost(Seconds time) const {
        if (aim_ == Aim::admission) return 0;
        double const weight = aim_ == Aim::latency ? 1 : instance_.alpha;
        return std::min(largest_cost, objective_scale * weight * time.value() / instance_.reference_latency.value());
    }

    double loss_cost(double accuracy) const {
        if (aim_ == Aim::admission) return -1;
        if (aim_ == Aim::latency) return 0;
        return std::min(largest_cost,
                        objective_scale * (instance_.beta > 0 ? instance_.beta : tie_weight) * (1 - accuracy));
    }

    Needs needs_of(Step const& stage, DeviceId device) const {
        Bytes weights{};
        for_each_holding(instance_, stage,
                         [&](std::size_t held, Bytes) { weights += weights_needed(instance_, device, held); });
        double const time = reserved_time(instance_, stage, device).value();
        return {static_cast<double>(stage.macs.value()), static_cast<double>((stage.memory + weights).value()),
                time == 0 ? 0 : time * instance_.devices[device.index()].power_compute.value()};
    }

    bool can_run(Step const& stage, DeviceId device) const {
        double const time = reserved_time(instance_, stage, device).value();
        return std::isfinite(time) && needs_of(stage, device).fit(limits_[device.index()]);
    }

    // Adds what moving a tensor does: the sender's and the receiver's energy.
    void add_transfer(std::size_t column, Bytes serialised, DeviceId from, DeviceId to, Step const& receiver) {
        if (from == to) return;
        auto const [sent, received] = transfer_energy(serialised, from, to, receiver);
        program_.add(energy_[from.index()], column, energy_unit_[from.index()] * sent);
        program_.add(energy_[to.index()], column, energy_unit_[to.index()] * received);
    }

    // J, of the sender and the receiver.
    std::pair<double, double> transfer_energy(Bytes serialised, DeviceId from, DeviceId to,
                                              Step const& receiver) const {
        double const time = receiver.reserved * (serialised / instance_.links.rate(from, to)).value();
        return {time * instance_.devices[from.index()].power_transmit.value(),
                time * instance_.devices[to.index()].power_receive.value()};
    }

    // Whether there is a link, and one that does not take far more energy than there is.
    bool can_move(Bytes serialised, DeviceId from, DeviceId to, Step const& receiver) const {
        if (from == to) return true;
        if (!std::isfinite(hop_time(instance_, serialised, from, to).value())) return false;
        auto const bearable = [&](double energy, DeviceId device) {
            return energy <= most_energy * std::max(1.0, limits_[device.index()].energy);
        };
        auto const [sent, received] = transfer_energy(serialised, from, to, receiver);
        return bearable(sent, from) && bearable(received, to);
    }

    void add_request() {
        Request request;
        auto const stages = chain_.stages.size();
        std::size_t const choose = program_.add_row({.lower = aim_ == Aim::admission ? 0.0 : 1.0, .upper = 1});
        for (auto const o : chain_.options) {
            double const accuracy = instance_.accuracy[o].accuracy;
            request.option.push_back(
                program_.add_column({.cost = loss_cost(accuracy), .kind = Program::Kind::integer}));
            program_.add(choose, request.option.back(), 1);
            if (aim_ == Aim::latency) program_.add(loss_, request.option.back(), objective_scale * (1 - accuracy));
        }
        request.at.assign(stages, std::vector<std::optional<std::size_t>>(devices_));
        request.into.assign(stages, std::vector<std::size_t>(devices_));
        request.out = request.into;
        request.entries.assign(stages, std::vector<std::vector<std::size_t>>(devices_));
        for (std::size_t s = 0; s < stages; ++s) add_stage(request, s);
        add_flows(request);
        for (std::size_t i = 0; i < devices_; ++i) add_visits(request, DeviceId(i));
        requests_.push_back(std::move(request));
    }

    // Eq. 15: the stage runs on one device if the option has it, else on none; and what that needs.
    void add_stage(Request& request, std::size_t s) {
        auto const& stage = chain_.stages[s];
        std::size_t const once = program_.add_row({.lower = 0, .upper = 0});
        for (std::size_t o = 0; o < chain_.options.size(); ++o)
            if (std::ranges::count(chain_.stages_of[o], s) > 0) program_.add(once, request.option[o], -1);
        for (std::size_t i = 0; i < devices_; ++i) {
            request.into[s][i] = program_.add_row({.lower = 0, .upper = 0});
            request.out[s][i] = program_.add_row({.lower = 0, .upper = 0});
            DeviceId const device(i);
            if (!can_run(stage, device)) continue;
            Seconds const reserved = reserved_time(instance_, stage, device);
            auto const x = program_.add_column(
                {.cost = latency_cost(expected_time(instance_, stage, device)), .kind = Program::Kind::integer});
            request.at[s][i] = x;
            program_.add(once, x, 1);
            program_.add(request.into[s][i], x, -1);
            program_.add(request.out[s][i], x, -1);
            program_.add(memory_[i], x, mega * static_cast<double>(stage.memory.value()));
            program_.add(macs_[i], x, mega * static_cast<double>(stage.macs.value()));
            program_.add(energy_[i], x,
                         energy_unit_[i] * instance_.devices[i].power_compute.value() * reserved.value());
            if (weights_.empty()) continue;
            for_each_holding(instance_, stage, [&](std::size_t what, Bytes) {
                auto const held = program_.add_row({.upper = 0});
                program_.add(held, x, 1);
                program_.add(held, weights_[i * holdings_of(instance_) + what], -1);
            });
        }
    }

    void add_flows(Request& request) {
        // Pairs of stages that follow each other under some option: their flow is as much as those options are taken.
        std::map<std::pair<std::size_t, std::size_t>, std::size_t> pairs;
        std::map<std::size_t, std::size_t> first, last;
        auto const link = [&](auto& rows, auto const& key, std::size_t o) {
            auto const [entry, is_new] = rows.try_emplace(key, 0);
            if (is_new) entry->second = program_.add_row({.lower = 0, .upper = 0});
            program_.add(entry->second, request.option[o], -1);
        };
        for (std::size_t o = 0; o < chain_.options.size(); ++o) {
            auto const& run = chain_.stages_of[o];
            link(first, run.front(), o);
            link(last, run.back(), o);
            for (std::size_t n = 1; n < run.size(); ++n) link(pairs, std::pair(run[n - 1], run[n]), o);
        }
        for (auto const& [s, row] : first)
            for (std::size_t i = 0; i < devices_; ++i) {
                DeviceId const device(i), source = instance_.source.value_or(device);
                Step const& stage = chain_.stages[s];
                Seconds const time = expected(hop_time(instance_, instance_.input, source, device), stage.reach);
                if (!request.at[s][i] || !can_move(instance_.input, source, device, stage)) continue;
                auto const column = program_.add_column({.cost = latency_cost(time)});
                program_.add(row, column, 1);
                program_.add(request.into[s][i], column, 1);
                request.entries[s][i].push_back(column);
                add_transfer(column, instance_.input, source, device, stage);
            }
        for (auto const& [s, row] : last)
            for (std::size_t i = 0; i < devices_; ++i) {
                if (!request.at[s][i]) continue;
                auto const column = program_.add_column({});
                program_.add(row, column, 1);
                program_.add(request.out[s][i], column, 1);
            }
        for (auto const& [pair, row] : pairs) {
            auto const [s, t] = pair;
            Bytes const bytes = chain_.stages[s].output.serialised;
            Step const& receiver = chain_.stages[t];
            for (std::size_t i = 0; i < devices_; ++i)
                for (std::size_t k = 0; k < devices_; ++k) {
                    Seconds const time = expected(hop_time(instance_, bytes, DeviceId(i), DeviceId(k)), receiver.reach);
                    if (!request.at[s][i] || !request.at[t][k] || !can_move(bytes, DeviceId(i), DeviceId(k), receiver))
                        continue;
                    auto const column = program_.add_column({.cost = latency_cost(time)});
                    program_.add(row, column, 1);
                    program_.add(request.out[s][i], column, 1);
                    program_.add(request.into[t][k], column, 1);
                    if (i != k) request.entries[t][k].push_back(column);
                    add_transfer(column, bytes, DeviceId(i), DeviceId(k), receiver);
                }
        }
    }

    // Valid inequalities, without which the relaxation spreads a request thinly over all devices and never hops: what a
    // request does on a device it does in visits, and a visit is a run of consecutive stages that fits the device's
    // limits.
    void add_visits(Request const& request, DeviceId device) {
        auto const i = device.index();
        auto const stages = chain_.stages.size();
        Needs largest;  // of any visit
        std::vector<std::size_t> earliest(
            stages, stages);  // of a visit that ends at a stage: the block where it can begin at best
        for (auto const& run : chain_.stages_of)
            for (std::size_t end = 0; end < run.size(); ++end) {
                Needs needs;
                for (std::size_t begin = end + 1; begin-- > 0;) {
                    needs += needs_of(chain_.stages[run[begin]], device);
                    if (!needs.fit(limits_[i])) break;
                    largest = largest.larger(needs);
                    auto& first = earliest[run[end]];
                    first = std::min(first, chain_.stages[run[begin]].block.index());
                }
            }
        auto const limit_by_visits = [&](double Needs::*need) {
            auto const row = program_.add_row({.upper = 0});
            double const scale = std::max(largest.*need, 1e-12);
            for (std::size_t s = 0; s < stages; ++s) {
                if (request.at[s][i])
                    program_.add(row, *request.at[s][i], needs_of(chain_.stages[s], device).*need / scale);
                for (auto const column : request.entries[s][i]) program_.add(row, column, -1);
            }
        };
        limit_by_visits(&Needs::macs);
        limit_by_visits(&Needs::memory);
        limit_by_visits(&Needs::energy);
        for (std::size_t s = 0; s < stages; ++s) {
            if (!request.at[s][i] || earliest[s] == 0 || earliest[s] == stages) continue;
            auto const row = program_.add_row({.upper = 0});
            program_.add(row, *request.at[s][i], 1);
            for (std::size_t t = 0; t < stages; ++t)
                if (chain_.stages[t].block.index() >= earliest[s] && chain_.stages[t].block <= chain_.stages[s].block)
                    for (auto const column : request.entries[t][i]) program_.add(row, column, -1);
        }
    }

    // Requests are alike: their options ascend, and the rejected ones come last.
    void order_requests() {
        for (std::size_t r = 1; r < requests_.size(); ++r) {
            auto const row = program_.add_row({.lower = 0});
            auto const rejected = static_cast<double>(chain_.options.size());
            for (std::size_t o = 0; o < chain_.options.size(); ++o) {
                program_.add(row, requests_[r - 1].option[o], rejected - static_cast<double>(o));
                program_.add(row, requests_[r].option[o], static_cast<double>(o) - rejected);
            }
        }
    }

    Instance const& instance_;
    Chain const& chain_;
    Aim aim_;
    std::size_t devices_;
    Program program_;
    std::vector<Needs> limits_;                        // per device
    std::vector<std::size_t> memory_, macs_, energy_;  // rows per device (Eq. 13, 14, 17)
    std::vector<double> energy_unit_;                  // what the row of Eq. 17 is multiplied by
    std::vector<std::size_t> weights_;                 // columns [device × holding], or none
    std::size_t loss_ = 0;                             // row
    std::vector<Request> requests_;
};

// Whether the solver's tolerances leave its proofs right: beside very large and very small numbers they need not.
bool can_be_trusted(Program const& program) {
    constexpr double smallest = 1e-7, largest = 1e6;
    return std::ranges::all_of(program.entry_values,
                               [](double value) {
                                   return value == 0 || (std::abs(value) >= smallest && std::abs(value) <= largest);
                               }) &&
           std::ranges::all_of(program.columns,
                               [](Program::Column const& column) { return std::abs(column.cost) <= largest; });
}

using Plans = std::vector<RequestPlan>;  // as many as the instance has requests

int admitted_in(Plans const& plans) {
    return static_cast<int>(std::ranges::count(plans, true, &RequestPlan::admitted));
}

struct Answer {
    SearchOutcome outcome = SearchOutcome::stopped;
    double bound = -Program::unlimited;  // of the program's objective
    std::optional<Plans> requests;
};

bool valid(Instance const& instance, Plans const& plans) {
    PlanResult result;
    result.requests = plans;
    return violations(instance, result).empty();
}

// A plan to start from, placed request by request; none admitted when that finds nothing.
Plans first_plan(Instance const& instance) {
    auto plans = plan_sequentially(instance, Spread::anywhere).requests;
    return valid(instance, plans) ? plans : Plans(static_cast<std::size_t>(instance.requests));
}

class Solver {
  public:
    Solver(Instance const& instance, Options const& options)
        : instance_(instance), options_(options), chain_(chain_of(instance)) {}

    bool hopeless() const { return chain_.options.empty() || instance_.devices.empty(); }

    // The best plan for that many requests. incumbent: a valid plan, from which the search starts: what it finds is
    // better, or nothing is, but for the gap; taken when it has that many requests (Aim::admission: as many at most).
    Answer solve(int requests, Aim aim, Plans const& incumbent, double loss_limit = Program::unlimited) const {
        if (requests == 0) return {};
        bool const usable = aim == Aim::admission ? admitted_in(incumbent) > 0 : admitted_in(incumbent) == requests;
        Answer answer;
        auto const seconds = options_.time_limit_s.value_or(std::numeric_limits<double>::infinity());
        if (requests * columns_of_a_request() > std::min(most_columns, columns_per_second * seconds)) {
            if (usable) answer.requests = incumbent;
            return answer;
        }
        for (double const margin : {0.0, tightening}) {
            Formulation const formulation(instance_, chain_, requests, aim, margin, loss_limit);
            auto limits = limits_of(aim);
            if (usable) {
                double const cost = cost_of(aim, incumbent);
                limits.cutoff = cost - std::max(0.9 * limits.gap * std::abs(cost), smallest_improvement);
                limits.seconds_without_solution.reset();
            }
            auto found = minimise(formulation.program(), limits);
            if (!can_be_trusted(formulation.program())) {
                found.outcome = SearchOutcome::stopped;
                found.bound = -Program::unlimited;
            }
            // With the margin the program is tighter than the problem: it may give a plan, but proves nothing.
            if (margin == 0) {
                answer.outcome = found.outcome;
                answer.bound = found.bound;
            } else if (found.outcome != SearchOutcome::complete) {
                answer.outcome = SearchOutcome::stopped;
            }
            if (!found.values) break;
            auto plans = plans_of(formulation.read(*found.values));
            if (!valid(plans)) continue;
            answer.requests = std::move(plans);
            return answer;
        }
        if (usable) {
            if (answer.outcome == SearchOutcome::infeasible) answer.outcome = SearchOutcome::complete;
            answer.requests = incumbent;
        }
        return answer;
    }

  private:
    // At most so many: flows between the stages that may follow each other.
    double columns_of_a_request() const {
        std::set<std::pair<std::size_t, std::size_t>> pairs;
        for (auto const& run : chain_.stages_of)
            for (std::size_t n = 1; n < run.size(); ++n) pairs.emplace(run[n - 1], run[n]);
        auto const devices = static_cast<double>(instance_.devices.size());
        return static_cast<double>(pairs.size()) * devices * devices +
               3 * static_cast<double>(chain_.stages.size()) * devices;
    }

    // The program's objective of a plan.
    double cost_of(Aim aim, Plans const& plans) const {
        if (aim == Aim::admission) return -admitted_in(plans);
        double latency = 0, loss = 0;
        for (auto const& plan : plans) {
            if (!plan.admitted) continue;
            latency += expected_cost(instance_, plan).latency.value();
            loss += 1 - plan.accuracy;
        }
        latency /= instance_.reference_latency.value();
        if (aim == Aim::latency) return objective_scale * latency;
        return objective_scale *
               (instance_.alpha * latency + (instance_.beta > 0 ? instance_.beta : tie_weight) * loss);
    }

    SearchLimits limits_of(Aim aim) const {
        SearchLimits limits;
        limits.gap = aim == Aim::admission ? 0 : std::max(0.0, options_.gap);
        limits.seed = options_.seed;
        limits.nodes = node_limit;
        if (options_.time_limit_s) {
            std::chrono::duration<double> const spent = std::chrono::steady_clock::now() - begin_;
            limits.seconds = std::max(0.0, *options_.time_limit_s - spent.count());
            if (aim == Aim::objective) limits.seconds_without_solution = patience * *limits.seconds;
            limits.nodes = std::numeric_limits<int>::max();
        }
        return limits;
    }

    Plans plans_of(std::vector<std::optional<Assignment>> const& assignments) const {
        Plans plans;
        for (auto const& assignment : assignments) {
            auto& plan = plans.emplace_back();
            if (!assignment) continue;
            auto const& option = instance_.accuracy[chain_.options[assignment->choice]];
            plan.admitted = true;
            plan.dropped = option.dropped;
            plan.accuracy = option.accuracy;
            plan.devices.resize(instance_.blocks.size());
            auto const& run = chain_.stages_of[assignment->choice];
            for (std::size_t n = 0; n < run.size(); ++n)
                plan.devices[chain_.stages[run[n]].block.index()] = assignment->devices[n];
        }
        plans.resize(static_cast<std::size_t>(instance_.requests));
        return plans;
    }

    bool valid(Plans const& plans) const { return planner::valid(instance_, plans); }

    Instance const& instance_;
    Options const& options_;
    Chain chain_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// The bound on the mean objective of a plan's admitted requests.
double mean_bound(Instance const& instance, double program_bound, Plans const& requests) {
    double bound = program_bound / objective_scale / admitted_in(requests);
    if (instance.beta <= 0) {  // less what the tie-breaking term can be
        double loss = 0;
        for (auto const& option : instance.accuracy)
            if (option.accuracy >= instance.accuracy_threshold) loss = std::max(loss, 1 - option.accuracy);
        bound -= tie_weight * loss;
    }
    double loss = 1;  // at least that of every request
    for (auto const& option : instance.accuracy)
        if (option.accuracy >= instance.accuracy_threshold) loss = std::min(loss, 1 - option.accuracy);
    double const objective = objective_of(instance, requests);
    return std::clamp(bound, std::min(instance.beta * loss, objective), objective);
}

}  // namespace

PlanResult plan_milp(Instance const& given, Options const& options) {
    PlanResult result;
    result.requests.resize(static_cast<std::size_t>(std::max(given.requests, 0)));
    if (given.requests > 0) {
        auto const first = first_plan(given);
        double const unit = admitted_in(first) > 0 ? unit_of(objective_of(given, first), least_cost, most_cost) : 1;
        auto instance = given;
        instance.alpha *= unit;
        instance.beta *= unit;
        Solver const solver(instance, options);
        int most = solver.hopeless() ? 0 : instance.requests;
        auto answer = solver.solve(most, Aim::objective, first);
        while (!answer.requests && most > 0) {
            if (answer.outcome == SearchOutcome::infeasible) --most;
            if (most == 0) break;
            auto const fullest = solver.solve(most, Aim::admission, first);
            most = static_cast<int>(std::clamp<double>(std::floor(-fullest.bound + 1e-6), 0, most));
            if (!fullest.requests || admitted_in(*fullest.requests) == 0) break;
            answer = solver.solve(admitted_in(*fullest.requests), Aim::objective, *fullest.requests);
        }
        result.admitted_bound = std::max(most, 0);
        if (answer.requests) {
            result.bound = mean_bound(instance, answer.bound, *answer.requests) / unit;
            if (instance.alpha <= 0) {
                double loss = 0;
                for (auto const& plan : *answer.requests)
                    if (plan.admitted) loss += 1 - plan.accuracy;
                answer.requests =
                    solver.solve(admitted_in(*answer.requests), Aim::latency, *answer.requests, loss).requests;
            }
            result.requests = std::move(*answer.requests);
        }
    }
    result.binding = binding_of(given, result, Spread::anywhere);
    return result;
}

}  // namespace skipstone::planner
