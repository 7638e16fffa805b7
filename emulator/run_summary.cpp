#include "emulator/run_summary.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "emulator/dilation.hpp"
#include "units/quantile.hpp"

namespace skipstone::emulator {

bool AccuracySummary::planned_is_plausible() const {
    constexpr double level = 0.001;
    auto const right = static_cast<double>(correct) * static_cast<double>(different) / static_cast<double>(labelled);
    return binomial_test(std::lround(right), different, planned) >= level;
}

RunSummary::RunSummary(Scenario const& scenario, double dilation, std::size_t different_images)
    : different_images_(different_images), dilation_(dilation), accuracy_known_(scenario.knows_accuracy()) {
    auto const arrivals = scenario.requests.arrivals;
    if (scenario.objective.goal == Goal::throughput || arrivals == Arrivals::every || arrivals == Arrivals::closed)
        load_.emplace(scenario.links.medium);
    for (auto const& device : scenario.fleet) devices_.push_back({.name = device.name, .battery = device.battery, .capacity = device.battery});
}

RoundSummary RunSummary::add(RoundResult const& result) {
    auto const& course = result.course;
    RoundSummary round;
    round.round = course.state.round.value();
    round.start = course.state.start;
    round.length = course.end - course.state.start;
    round.requests = course.plan.requested;
    round.admitted = course.plan.admitted;
    round.binding = course.plan.binding;
    round.objective = course.plan.objective;
    round.gap = course.plan.gap;
    round.planning_s = course.plan.seconds;
    auto const plans = plans_as_they_went(course);
    round.failed = round.admitted - static_cast<int>(course.jobs.size());
    round.revised = static_cast<int>(
        std::ranges::count_if(course.revisions, [](Revision const& revision) { return revision.number == 1; }));
    for (auto const& plan : plans)
        if (!plan.devices.empty()) round.dropped_blocks += static_cast<int>(plan.dropped.size());
    for (auto const& job : course.jobs) {
        auto const& plan = plans[job.request.index()];
        round.mean_accuracy += accuracy_known_ ? plan.accuracy / static_cast<double>(course.jobs.size()) : NAN;
    }
    for (std::size_t j = 0; j < course.jobs.size(); ++j)
        round.mean_latency +=
            course.times.jobs[j].finish - course.state.requests[course.jobs[j].request.index()].arrival;
    if (!course.jobs.empty()) round.mean_latency = round.mean_latency * (1.0 / static_cast<double>(course.jobs.size()));

    for (auto const& event : course.events) {
        auto& device = devices_[static_cast<std::size_t>(event.device)];
        Seconds const length(event.end_s - event.begin_s);
        switch (event.kind) {
            case EventKind::compute:
                device.busy += length;
                break;
            case EventKind::wait:
                device.waiting += length;
                continue;
            case EventKind::transmit:
                device.sent += Bytes(event.bytes);
                break;
            case EventKind::receive:
                device.received += Bytes(event.bytes);
                break;
        }
        if ((event.flags & event_flags::overrun) != 0) ++round.overruns;
        if (!std::isnan(event.host_end_s) && !result.clocks.empty())
            lateness_.push_back(lateness(event, course.state.start.value(), result.host_start_s, dilation_));
    }
    overruns_ += round.overruns;
    kernel_s_ += result.kernel_s;
    stalled_s_ += result.stalled_s;
    for (auto const& clock : result.clocks) worst_uncertainty_s_ = std::max(worst_uncertainty_s_, clock.uncertainty_s);

    for (std::size_t i = 0; i < devices_.size(); ++i) {
        devices_[i].energy += course.spent[i];
        devices_[i].battery = course.battery[i];
        round.energy += course.spent[i];
        if (devices_[i].battery_share() < round.lowest_share) {
            round.lowest_share = devices_[i].battery_share();
            round.lowest_battery = course.battery[i];
            round.lowest_device = devices_[i].name;
        }
    }
    if (load_) add_stream(result);
    rounds_.push_back(round);
    return round;
}

void RunSummary::add_stream(RoundResult const& result) {
    auto const& course = result.course;
    std::vector<double> begins(course.plan.requests.size(), INFINITY);
    for (auto const& event : course.events) {
        if (event.kind == EventKind::wait) continue;
        load_->add(event);
        auto& begin = begins[static_cast<std::size_t>(event.request)];
        begin = std::min(begin, event.begin_s);
    }
    std::vector<Passage> passages;
    for (std::size_t j = 0; j < course.jobs.size(); ++j)
        passages.push_back({.begin_s = begins[course.jobs[j].request.index()],
                            .finish_s = course.times.jobs[j].finish.value()});
    auto const done = static_cast<double>(passages.size());
    done_ += done;
    if (done > 0) bound_s_ += done / course.plan.throughput_bound.value_or(NAN);
    auto const intervals = steady_state(std::move(passages)).intervals_s;
    intervals_s_.insert(intervals_s_.end(), intervals.begin(), intervals.end());
}

std::optional<StreamSummary> RunSummary::stream() const {
    if (!load_) return std::nullopt;
    StreamSummary stream;
    if (double const seconds = std::accumulate(intervals_s_.begin(), intervals_s_.end(), 0.0); seconds > 0)
        stream.throughput = static_cast<double>(intervals_s_.size()) / seconds;
    if (done_ > 0) stream.bound = done_ / bound_s_;
    auto const busiest = load_->busiest();
    if (busiest.empty() || done_ == 0) return stream;
    auto const& [resource, device, peer, seconds] = busiest.front();
    stream.bottleneck = std::string(to_string(resource)) + " " + devices_[device.index()].name;
    if (peer) stream.bottleneck += " to " + devices_[peer.index()].name;
    stream.share = seconds / done_ * stream.throughput;
    return stream;
}

void RunSummary::add_prediction(int label, int predicted, double planned_accuracy) {
    ++labelled_;
    if (label == predicted) ++correct_;
    planned_correct_ += planned_accuracy;
}

AccuracySummary RunSummary::accuracy() const {
    return {.labelled = labelled_,
            .correct = correct_,
            .planned = labelled_ > 0 ? planned_correct_ / static_cast<double>(labelled_) : 0,
            .different = different_images_ > 0 ? std::min(labelled_, static_cast<long>(different_images_)) : labelled_};
}

Fidelity RunSummary::fidelity() const {
    auto sorted = lateness_;
    double const p50 = quantile(sorted, 0.5), p99 = quantile(sorted, 0.99);
    std::ranges::sort(sorted);
    return {.events = sorted.size(),
            .overruns = overruns_,
            .p50 = p50,
            .p99 = p99,
            .max = sorted.empty() ? 0 : sorted.back(),
            .clock_uncertainty_s = worst_uncertainty_s_,
            .sufficient_dilation = sufficient_dilation(sorted, dilation_, 0.01)};
}

Seconds RunSummary::emulated() const {
    return rounds_.empty() ? Seconds(0) : rounds_.back().start + rounds_.back().length;
}

}  // namespace skipstone::emulator
