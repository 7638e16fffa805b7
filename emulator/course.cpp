#include "emulator/course.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <limits>
#include <sstream>
#include <thread>
#include <utility>

#include "emulator/leaving.hpp"
#include "emulator/recorded_verdicts.hpp"
#include "emulator/table_verdicts.hpp"
#include "planner/planner.hpp"
#include "trace/schema.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone::emulator {

namespace {

constexpr int patience = 8;  // plannings of one round that learn what idling costs

constexpr Seconds for_good(std::numeric_limits<double>::infinity());
constexpr double rounding = 1e-9;  // relative, by which plans may pass what a battery holds (model/cost_model.hpp)

// When each device's last computation or transfer of the round ends; the round's start where it has none.
std::vector<Seconds> ends_of_work(std::vector<Event> const& events, std::size_t devices, Seconds start) {
    std::vector<Seconds> ends(devices, start);
    for (auto const& event : events)
        if (event.kind != EventKind::wait) {
            auto& end = ends[static_cast<std::size_t>(event.device)];
            end = std::max(end, Seconds(event.end_s));
        }
    return ends;
}

std::string number(double value) {
    std::ostringstream text;
    text << value;
    return text.str();
}

Seconds total(std::vector<std::pair<Seconds, Seconds>> const& intervals) {
    Seconds sum{0};
    for (auto const& [begin, end] : intervals) sum += end - begin;
    return sum;
}

// When so much of the intervals has passed; the end of the last one where that is too much.
Seconds reached(std::vector<std::pair<Seconds, Seconds>> const& intervals, Seconds length) {
    for (auto const& [begin, end] : intervals) {
        if (length <= end - begin) return begin + length;
        length -= end - begin;
    }
    return intervals.back().second;
}

}  // namespace

std::vector<RequestPlan> plans_as_they_went(RoundCourse const& round) {
    auto plans = round.plan.requests;
    for (auto const& revision : round.revisions) plans[revision.request.index()] = revision.plan;
    return plans;
}

timeline::Conditions conditions_of(Scenario const& scenario, RoundState const& state) {
    return {.round = state.round,
            .start = state.start,
            .seed = scenario.seed,
            .links = state.links,
            .medium = scenario.links.medium,
            .jitter = scenario.links.jitter,
            .loss = scenario.links.loss,
            .in_flight = scenario.requests.in_flight};
}

std::vector<Seconds> ready_of(Scenario const& scenario, RoundState const& state) {
    auto const& planner = scenario.planner;
    Seconds const charge = planner.charge ? planner.charge_time.value_or(Seconds(0)) : Seconds(0);
    std::vector<Seconds> ready;
    for (auto const& request : state.requests) ready.push_back(std::max(request.arrival, state.start + charge));
    return ready;
}

Course::Course(Scenario const& scenario, Network const& network, std::shared_ptr<Verdicts> verdicts)
    : scenario_(scenario),
      network_(network),
      drops_(known_options(scenario, network)),
      verdicts_(std::move(verdicts)),
      faults_(scenario.faults, scenario.seed) {
    auto const planners = planner::names();
    if (auto const& name = scenario_.planner.name; std::ranges::find(planners, name) == planners.end())
        throw InputError(scenario_.place_of("planner.name"),
                         "there is no planner \"" + name + "\"; " + planner::choice_text(name));
    if (auto const reason = planner::unfit(scenario_.planner.name, scenario_.objective.goal); !reason.empty())
        throw InputError(scenario_.place_of("objective.goal"), reason);
    if (double const best = most_accurate(drops_).accuracy; best < scenario_.objective.accuracy_threshold) {
        auto const& exits = scenario_.exits;
        throw InputError({scenario_.file, 0, "objective.accuracy_threshold"},
                         "is " + number(scenario_.objective.accuracy_threshold) + ", and " +
                             (exits.rules.empty() ? scenario_.accuracy.name + " has" : exits.given.name + " promises") +
                             " at most " + number(best) + ": every request would be rejected; lower it, or choose " +
                             (exits.rules.empty() ? "another accuracy table" : "other rules"));
    }
    if (scenario_.planner.charge && !scenario_.planner.charge_time &&
        scenario_.emulation.clock == ClockKind::virtual_time)
        throw InputError(
            scenario_.place_of("planner.charge"),
            "true charges measured planning times, which only the wall clock can do (under the virtual clock nothing "
            "depends on the host); give a constant, such as \"5 ms\"");
    for (auto const& device : scenario_.fleet) {
        powers_.push_back(device.power);
        battery_.push_back(device.battery);
    }
    off_.assign(battery_.size(), false);
    if (!scenario_.exits.tables.empty()) verdicts_ = std::make_shared<TableVerdicts>(scenario_);
    if (!scenario_.exits.trace.empty()) verdicts_ = std::make_shared<RecordedVerdicts>(scenario_, network_);
    last_length_ = reference_latency(scenario_, network_);
}

RoundCourse Course::next() {
    RoundCourse round;
    auto& state = round.state;
    state.round = next_;
    state.start = start_;
    state.battery = battery_;
    state.links = LinkTable::drawn(battery_.size(), scenario_.links, scenario_.seed, next_);
    state.requests = std::exchange(retries_, {});
    auto drawn = draw_requests(scenario_, next_, start_, drawn_);
    drawn_ += static_cast<std::int64_t>(drawn.size());
    state.requests.insert(state.requests.end(), drawn.begin(), drawn.end());

    // Kept back for idling: first by the last round's length, then by what this round turns out to need.
    std::vector<Joules> reserve(battery_.size());
    Seconds const expected = std::max(scenario_.rounds.period, last_length_);
    for (std::size_t i = 0; i < reserve.size(); ++i) reserve[i] = std::min(battery_[i], powers_[i].idle * expected);
    int attempts = 0;
    do attempt(round, reserve);
    while (!settle(round, reserve, ++attempts));
    if (scenario_.requests.arrivals == Arrivals::closed)  // a request arrives when there is room for it
        for (std::size_t j = 0; j < round.jobs.size(); ++j)
            state.requests[round.jobs[j].request.index()].arrival = round.times.jobs[j].ready;

    for (auto const& outage : round.outages)
        if (outage.cause == trace::battery_cause) off_[outage.device.index()] = true;
    round.outages = news(round.outages);
    battery_ = round.battery;
    last_length_ = round.end - start_;
    if (scenario_.requests.on_reject == OnReject::retry)
        for (std::size_t r = 0; r < state.requests.size(); ++r)
            if (!round.plan.requests[r].admitted) {
                retries_.push_back(state.requests[r]);
                ++retries_.back().attempt;
            }
    start_ = round.next_start;
    next_ = RoundId(next_.value() + 1);
    return round;
}

Instance const& Course::instance() const {
    SKIPSTONE_EXPECT(instance_.has_value());
    return *instance_;
}

void Course::attempt(RoundCourse& round, std::vector<Joules> const& reserve) {
    auto const& state = round.state;
    RoundFaults const faults(faults_, state.round, state.start);
    auto const conditions = conditions_of(scenario_, state);
    instance_ = instance_ ? next_instance(std::move(*instance_), scenario_, state, reserve)
                          : make_instance(scenario_, network_, drops_, state, reserve);
    if (!scenario_.faults.none())
        instance_ = without_outages(std::move(*instance_), RoundFaults(faults_, RoundId(), state.start), state.start);
    planner::Options options;
    options.gap = scenario_.planner.gap;
    options.seed = scenario_.seed;
    options.conditions = &conditions;
    options.ready = ready_of(scenario_, state);
    options.stages = scenario_.planner.stages;
    round.plan = planner::plan(scenario_.planner.name, *instance_, options);
    round.charge =
        !scenario_.planner.charge ? Seconds(0) : scenario_.planner.charge_time.value_or(Seconds(round.plan.seconds));
    std::vector<Seconds> arrivals;
    for (auto const& request : state.requests) arrivals.push_back(request.arrival);
    auto jobs = timeline::jobs_of(*instance_, round.plan, arrivals, state.start + round.charge);
    SKIPSTONE_EXPECT(verdicts_ || scenario_.exits.rules.empty() ||
                     scenario_.exits.verdicts != Scenario::ExitsSection::Source::table);
    std::optional<Leaving> leaving;
    if (verdicts_ && !instance_->exits.empty()) leaving.emplace(*verdicts_, state, *instance_);
    if (leaving) leaving->end(jobs, round.plan.requests);
    if (scenario_.faults.none()) {
        round.jobs = std::move(jobs);
        if (leaving) round.judged = leaving->judged(round.jobs);
        round.times = timeline::simulate(round.jobs, conditions);
        set_end(round);
        round.outages.clear();
        round.events = timeline::events_of(round.jobs, round.times, conditions);
        return;
    }
    Recovery recovery(scenario_, *instance_, round.plan, faults, options);
    timeline::Recover const recover = [&](timeline::Job const& job, timeline::Loss const& loss) {
        auto work = recovery(job, loss);
        if (work.tasks.empty() || !leaving) return work;
        return leaving->end(job, *loss.kept, std::move(work), recovery.revisions().back().plan);
    };
    auto carried_out = timeline::simulate(std::move(jobs), conditions, faults, recover);
    round.revisions = recovery.revisions();
    round.times.end = carried_out.times.end;
    set_end(round);
    round.outages = outages_of(faults, round);
    round.events = timeline::events_of(carried_out, DownTimes(round.outages), conditions);
    round.jobs = std::move(carried_out.jobs);
    if (leaving) round.judged = leaving->judged(round.jobs);
    round.times = std::move(carried_out.times);
}

void Course::set_end(RoundCourse& round) const {
    round.end = std::max(round.times.end, round.state.start + round.charge);
    round.next_start = std::max(round.end, round.state.start + scenario_.rounds.period);
    // Where nothing but the end of an outage can let requests in, the next round waits for it.
    bool const waits = round.plan.admitted == 0 && round.plan.binding == Binding::outage;
    if (waits && scenario_.rounds.period == Seconds(0))
        round.next_start = std::max(round.next_start, first_back(round.state.start));
}

Seconds Course::first_back(Seconds time) const {
    RoundFaults const faults(faults_, RoundId(), time);
    Seconds first = for_good;
    auto const look_at = [&](std::optional<Outage> const& outage) {
        if (outage && outage->covers(time)) first = std::min(first, outage->end);
    };
    auto const has_energy = [&](std::size_t i) { return !off_[i] && battery_[i] > Joules(0); };
    std::size_t const devices = battery_.size();
    for (std::size_t i = 0; i < devices; ++i) {
        if (!has_energy(i)) continue;
        look_at(faults.next(DeviceId(i), time));
        if (!faults.links_fail()) continue;
        for (std::size_t k = i + 1; k < devices; ++k)
            if (has_energy(k)) look_at(faults.next(DeviceId(i), DeviceId(k), time));
    }
    return first < for_good ? first : time;
}

std::vector<Outage> Course::outages_of(RoundFaults const& faults, RoundCourse const& round) const {
    std::vector<Outage> outages;
    auto const add = [&](auto const& next) {
        for (auto outage = next(round.state.start); outage && outage->begin <= round.next_start;
             outage = next(outage->end)) {
            // Who does not survive a round may be back in the next one.
            if (outage->cause == survival_cause) outage->end = round.next_start;
            outages.push_back(*outage);
            if (outage->end >= round.next_start) break;
        }
    };
    std::size_t const devices = battery_.size();
    for (std::size_t i = 0; i < devices; ++i)
        if (!off_[i]) add([&](Seconds time) { return faults.next(DeviceId(i), time); });
    if (!faults.links_fail()) return outages;
    for (std::size_t i = 0; i < devices; ++i)
        for (std::size_t k = i + 1; k < devices; ++k)
            add([&](Seconds time) { return faults.next(DeviceId(i), DeviceId(k), time); });
    return outages;
}

bool Course::settle(RoundCourse& round, std::vector<Joules>& reserve, int attempts) const {
    // Every further attempt keeps back all of at least one more device.
    SKIPSTONE_ENSURE(attempts <= patience + static_cast<int>(battery_.size()));
    DownTimes const off(round.outages);
    auto const spent = timeline::energy_of(round.events, powers_, round.state.start, round.next_start, off);
    auto const busy_until = ends_of_work(round.events, battery_.size(), round.state.start);
    round.spent.assign(battery_.size(), Joules(0));
    round.battery.assign(battery_.size(), Joules(0));
    bool settled = true;
    for (std::size_t i = 0; i < battery_.size(); ++i) {
        if (off_[i]) continue;
        Joules const available = (1 + rounding) * battery_[i];
        round.spent[i] = std::min(spent[i], battery_[i]);
        if (spent[i] <= available) {
            round.battery[i] = std::max(Joules(0), battery_[i] - spent[i]);
            continue;
        }
        auto const idle_times = off.up(DeviceId(i), busy_until[i], round.next_start);
        Joules const before = spent[i] - powers_[i].idle * total(idle_times);
        if (before <= available && powers_[i].idle > Watts(0)) {  // it empties while it idles after its work
            Joules const left = std::max(Joules(0), battery_[i] - before);
            Seconds const empty = reached(idle_times, Seconds(left.value() / powers_[i].idle.value()));
            std::erase_if(round.outages, [&](Outage const& outage) {
                return outage.device.index() == i && !outage.peer && outage.begin >= empty;
            });
            round.outages.push_back({empty, for_good, DeviceId(i), DeviceId(), std::string(trace::battery_cause)});
            continue;
        }
        // Its work would not be finished: keep back what is missing; all of it, which means no work, if that does not
        // converge.
        Joules const missing = spent[i] - battery_[i];
        reserve[i] = attempts < patience ? std::min(battery_[i], reserve[i] + 1.001 * missing) : battery_[i];
        settled = false;
    }
    return settled;
}

std::vector<Outage> Course::news(std::vector<Outage> const& outages) {
    std::vector<Outage> untold;
    for (Outage outage : outages) {
        Seconds& told = told_.try_emplace({outage.device, outage.peer}, Seconds(0)).first->second;
        if (outage.end <= told && outage.begin < told) continue;
        outage.begin = std::max(outage.begin, told);
        told = outage.end;
        untold.push_back(std::move(outage));
    }
    return untold;
}

std::future<RoundCourse> start(Planning planning, std::function<void()> done) {
    std::packaged_task<RoundCourse()> task(std::move(planning));
    auto round = task.get_future();
    std::thread([task = std::move(task), done = std::move(done)]() mutable {
        task();
        if (done) done();
    }).detach();
    return round;
}

std::optional<RoundCourse> next_unless(std::shared_ptr<Course> course, std::atomic<bool> const& stop) {
    auto round = start([course = std::move(course)] { return course->next(); });
    while (round.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready)
        if (stop) return std::nullopt;
    return round.get();
}

}  // namespace skipstone::emulator
