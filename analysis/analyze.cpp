#include "analysis/analyze.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "analysis/device_totals.hpp"
#include "analysis/distribution.hpp"
#include "analysis/faithfulness.hpp"
#include "analysis/planned.hpp"
#include "analysis/round_requests.hpp"
#include "analysis/round_stream.hpp"
#include "units/error.hpp"
#include "units/proportion.hpp"
#include "units/quantile.hpp"

namespace skipstone::analysis {

namespace {

constexpr std::uint64_t event_batch = 1 << 15, row_batch = 1 << 12;

double ratio(double a, double b) {
    return b > 0 ? a / b : none;
}

double real(std::int64_t count) {
    return static_cast<double>(count);
}

std::vector<Powers> powers_of(trace::Header const& header) {
    std::vector<Powers> powers;
    for (auto const& device : header.devices)
        powers.push_back({Watts(device.power_compute_w), Watts(device.power_transmit_w), Watts(device.power_receive_w),
                          Watts(device.power_idle_w)});
    return powers;
}

// Planned against emulated, for one level and quantity.
class Comparison {
  public:
    void add(double planned, double emulated) {
        if (!std::isfinite(planned) || !std::isfinite(emulated)) return;
        planned_ += planned;
        emulated_ += emulated;
        deviation_.add(emulated - planned);
    }
    Deviation figures(std::string level, std::string quantity) const {
        Deviation row{.level = std::move(level), .quantity = std::move(quantity), .count = deviation_.count()};
        row.planned_mean = ratio(planned_, real(row.count));
        row.emulated_mean = ratio(emulated_, real(row.count));
        row.bias = deviation_.mean();
        row.relative_bias = ratio(row.bias, row.planned_mean);
        row.p50 = deviation_.quantile(0.5);
        row.p99 = deviation_.quantile(0.99);
        row.max = deviation_.max();
        return row;
    }

  private:
    double planned_ = 0, emulated_ = 0;
    Distribution deviation_;
};

// Sums of which a link's or a block's means are made.
struct Sums {
    double queue = 0, queue_max = 0, delay = 0, planned = 0, emulated = 0;
    std::int64_t count = 0;
};

struct Link {
    LinkFigures figures;
    Sums sums;
};

// One pass over a trace.
class Reduction {
  public:
    Reduction(trace::Reader const& trace, Options const& options);
    Analysis run();

  private:
    double end_of(std::size_t round) const;
    double charge_of(trace::RoundRow const& row) const;
    void reduce(std::size_t round);
    RoundRequests requests_of(trace::RoundRow const& row, RoundFigures& figures);
    void add_event(Event const& event, RoundRequests& requests, RoundFigures& figures);
    void add_compute(Event const& event, RoundRequests& requests);
    void add_transfer(Event const& event, RoundRequests& requests);
    void add_hop(Hop const& hop);
    void finish_requests(RoundRequests& requests, RoundFigures& figures);
    void finish_round(trace::RoundRow const& row, double end, RoundFigures& figures);
    Link& link(Event const& transmit);
    void check(Event const& event, std::size_t requests, double earliest) const;
    [[noreturn]] void refuse(std::string const& table, std::int32_t round, std::string const& problem) const;

    void finish_trace();
    void finish_totals();
    void finish_links_and_blocks();
    void finish_comparisons();
    void add_notes();

    trace::Reader const& trace_;
    Options const& options_;
    trace::Header const& header_;
    std::vector<trace::RoundRow> const rounds_;
    std::vector<Powers> const powers_;
    bool const wall_;
    std::optional<Planned> planned_;
    RoundStream<trace::RequestRow> request_rows_;
    RoundStream<trace::PlanRow> plan_rows_;
    RoundStream<Event> events_;
    RoundStream<trace::BatteryRow> battery_rows_;

    Analysis result_;
    DeviceTotals devices_;
    Faithfulness faithfulness_;
    std::unordered_map<std::uint64_t, Link> links_;
    std::vector<Sums> block_sums_;  // as result_.blocks
    std::vector<double> latencies_;
    double accuracy_sum_ = 0, labelled_accuracy_sum_ = 0;
    double path_compute_ = 0, path_transfer_ = 0, path_queue_ = 0;
    std::map<std::string, std::int64_t> rejected_;
    Comparison request_latency_, request_energy_, hop_latency_, hop_energy_, block_latency_, block_energy_;
};

Reduction::Reduction(trace::Reader const& trace, Options const& options)
    : trace_(trace),
      options_(options),
      header_(trace.header()),
      rounds_(trace.read<trace::RoundRow>()),
      powers_(options.powers ? *options.powers : powers_of(header_)),
      wall_(header_.provenance.clock == "wall"),
      request_rows_(trace, row_batch),
      plan_rows_(trace, row_batch),
      events_(trace, event_batch),
      battery_rows_(trace, row_batch),
      devices_(header_.devices, trace.read<trace::OutageRow>(), powers_of(header_), powers_,
               wall_ ? std::optional(header_.provenance.dilation) : std::nullopt),
      faithfulness_(header_.provenance.dilation) {
    if (rounds_.empty())
        throw InputError({trace.path(), 0, ""},
                         "holds no finished round" + std::string(trace.being_written() ? " yet; its run goes on" : ""));
    SKIPSTONE_EXPECT(powers_.size() == header_.devices.size());
    if (options.scenario) {
        SKIPSTONE_EXPECT(options.scenario->fleet.size() == header_.devices.size());
        planned_.emplace(trace, *options.scenario, powers_);
    }
    result_.powers = options.powers ? options.powers_name : "trace";
    result_.blocks.push_back({.block = -1, .name = "image"});
    for (auto const& block : header_.blocks) result_.blocks.push_back({.block = block.block, .name = block.name.str()});
    block_sums_.resize(result_.blocks.size());
}

Analysis Reduction::run() {
    for (std::size_t round = 0; round < rounds_.size(); ++round) {
        reduce(round);
        if (options_.progress) options_.progress(static_cast<std::int32_t>(round + 1));
    }
    finish_trace();
    finish_totals();
    finish_links_and_blocks();
    finish_comparisons();
    add_notes();
    return std::move(result_);
}

double Reduction::end_of(std::size_t round) const {
    if (round + 1 < rounds_.size()) return rounds_[round + 1].start_s;
    if (!std::isnan(rounds_[round].next_start_s)) return rounds_[round].next_start_s;
    double const period = options_.scenario ? options_.scenario->rounds.period.value() : 0;
    return std::max(rounds_[round].end_s, rounds_[round].start_s + period);
}

double Reduction::charge_of(trace::RoundRow const& row) const {
    if (!options_.scenario || !options_.scenario->planner.charge) return 0;
    return options_.scenario->planner.charge_time.value_or(Seconds(row.plan_host_s)).value();
}

void Reduction::reduce(std::size_t round) {
    auto const& row = rounds_[round];
    RoundFigures figures{.round = row.round,
                         .start_s = row.start_s,
                         .end_s = row.end_s,
                         .length_s = row.end_s - row.start_s,
                         .requests = row.requests,
                         .admitted = row.admitted,
                         .planner = row.planner.str(),
                         .status = row.status.str(),
                         .binding = row.binding.str(),
                         .objective = row.objective,
                         .bound = row.bound,
                         .gap = row.gap,
                         .plan_host_s = row.plan_host_s,
                         .predicted_latency_s = row.predicted_latency_s};
    if (planned_) planned_->begin_round(row.round);
    faithfulness_.begin_round(row);
    devices_.begin_round(row.start_s);
    auto requests = requests_of(row, figures);
    double earliest = -std::numeric_limits<double>::infinity();
    for (auto part = events_.next(row.round); !part.empty(); part = events_.next(row.round))
        for (Event const& event : part) {
            check(event, requests.size(), earliest);
            earliest = event.begin_s;
            add_event(event, requests, figures);
        }
    finish_requests(requests, figures);
    finish_round(row, end_of(round), figures);
    result_.rounds.push_back(std::move(figures));
}

RoundRequests Reduction::requests_of(trace::RoundRow const& row, RoundFigures& figures) {
    auto const rows = request_rows_.all(row.round);
    auto const plans = plan_rows_.all(row.round);
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].request != static_cast<std::int32_t>(i))
            refuse("/requests", row.round, "requests are not numbered from 0");
    for (auto const& plan : plans)
        if (plan.request < 0 || static_cast<std::size_t>(plan.request) >= rows.size() || plan.block < 0 ||
            static_cast<std::size_t>(plan.block) >= header_.blocks.size() ||
            plan.device >= static_cast<std::int32_t>(header_.devices.size()))
            refuse("/plans", row.round, "a plan names a request, block or device that does not exist");
    auto& totals = result_.requests;
    for (auto const& request : rows) {
        ++totals.attempts;
        if (request.attempt == 1) ++totals.requests;
        switch (request.status) {
            case trace::RequestStatus::done:
                if (!std::isfinite(request.latency_s))
                    refuse("/requests", row.round, "a request is done without a latency");
                ++figures.done;
                latencies_.push_back(request.latency_s);
                totals.latency_total_s += request.latency_s;
                accuracy_sum_ += request.accuracy;
                // What random weights answer says nothing of the planned accuracy.
                if (request.label < 0 || request.predicted_class < 0 ||
                    header_.provenance.weights_hash == trace::random_weights)
                    break;
                ++totals.labelled;
                if (request.label == request.predicted_class) ++totals.correct;
                labelled_accuracy_sum_ += request.accuracy;
                break;
            case trace::RequestStatus::rejected:
                ++figures.rejected;
                break;
            case trace::RequestStatus::failed:
                ++figures.failed;
                break;
            default:
                refuse("/requests", row.round, "a request has an unknown status");
        }
    }
    totals.done += figures.done;
    totals.rejected += figures.rejected;
    totals.failed += figures.failed;
    if (figures.rejected > 0) rejected_[figures.binding] += figures.rejected;
    return RoundRequests(row, charge_of(row), rows, plans, header_.blocks.size());
}

void Reduction::check(Event const& event, std::size_t requests, double earliest) const {
    auto const devices = static_cast<std::int32_t>(header_.devices.size());
    bool const transfer = event.kind == EventKind::transmit || event.kind == EventKind::receive;
    if (event.kind < EventKind::compute || event.kind > EventKind::wait)
        refuse("/events", event.round, "an event has an unknown kind");
    if (event.device < 0 || event.device >= devices || (transfer && (event.peer < 0 || event.peer >= devices)))
        refuse("/events", event.round, "an event names a device that does not exist");
    if (transfer && event.device == event.peer) refuse("/events", event.round, "a device sends to itself");
    if (event.request < 0 || static_cast<std::size_t>(event.request) >= requests)
        refuse("/events", event.round, "an event names a request that does not exist");
    if (event.block < (transfer ? -1 : 0) || event.block >= static_cast<std::int32_t>(header_.blocks.size()))
        refuse("/events", event.round, "an event names a block that does not exist");
    if (!(event.begin_s >= earliest && event.begin_s <= event.end_s && std::isfinite(event.end_s)))
        refuse("/events", event.round, "events are not in the order of their begin, or end before they begin or never");
}

void Reduction::refuse(std::string const& table, std::int32_t round, std::string const& problem) const {
    throw InputError({trace_.path(), 0, table},
                     problem + ", in round " + std::to_string(round) + "; `skipstone check` tells more");
}

void Reduction::add_event(Event const& event, RoundRequests& requests, RoundFigures& figures) {
    ++result_.trace.events;
    devices_.add(event);
    if ((event.flags & event_flags::failed) != 0) ++result_.trace.failed_events;
    if ((event.flags & event_flags::overrun) != 0) ++figures.overruns;
    if (event.kind == EventKind::wait) return;
    if (wall_) faithfulness_.add(event);
    if (event.kind == EventKind::compute) {
        figures.macs += event.macs;
        add_compute(event, requests);
    } else {
        if (event.kind == EventKind::transmit) figures.shared_bytes += event.bytes;
        add_transfer(event, requests);
    }
}

void Reduction::add_compute(Event const& event, RoundRequests& requests) {
    auto const request = static_cast<std::size_t>(event.request), row = static_cast<std::size_t>(event.block) + 1;
    auto const power = powers_[static_cast<std::size_t>(event.device)].compute.value();
    double const length = event.end_s - event.begin_s;
    auto& block = result_.blocks[row];
    ++block.runs;
    block.macs += event.macs;
    block.compute_s += length;
    block.compute_j += power * length;
    auto& figures = requests.figures(request);
    figures.macs += event.macs;
    figures.energy_j += power * length;
    if ((event.flags & event_flags::failed) != 0) return;
    double const ready = requests.add_compute(event);
    auto& sums = block_sums_[row];
    ++sums.count;
    sums.queue += event.begin_s - ready;
    sums.emulated += event.end_s - ready;
    if (!planned_) return;
    auto const& plan = requests.plan(request)[static_cast<std::size_t>(event.block)];
    auto const mode = plan.block < 0 ? BlockMode::full : plan.mode;
    double const planned = planned_->compute(BlockId(event.block), mode, DeviceId(event.device)).value();
    sums.planned += planned;
    block_latency_.add(planned, event.end_s - ready);
    block_energy_.add(power * planned, power * length);
}

void Reduction::add_transfer(Event const& event, RoundRequests& requests) {
    auto const& powers = powers_[static_cast<std::size_t>(event.device)];
    double const length = event.end_s - event.begin_s;
    auto& block = result_.blocks[static_cast<std::size_t>(event.block + 1)];
    auto& figures = requests.figures(static_cast<std::size_t>(event.request));
    if (event.kind == EventKind::transmit) {
        double const energy = powers.transmit.value() * length;
        ++block.transfers;
        block.bytes += event.bytes;
        block.transmit_s += length;
        block.transmit_j += energy;
        figures.shared_bytes += event.bytes;
        figures.energy_j += energy;
        auto& used = link(event).figures;
        ++used.transfers;
        used.bytes += event.bytes;
        used.busy_s += length;
        if ((event.flags & event_flags::retransmitted) != 0) ++used.retransmitted;
    } else {
        double const energy = powers.receive.value() * length;
        block.receive_j += energy;
        figures.energy_j += energy;
    }
    if ((event.flags & event_flags::failed) != 0) return;
    if (auto const hop = requests.add_transfer(event)) add_hop(*hop);
}

void Reduction::add_hop(Hop const& hop) {
    auto const& [transmit, receive, ready] = hop;
    if (wall_) faithfulness_.add(hop);
    double const emulated = receive.end_s - ready;
    auto& sums = link(transmit).sums;
    ++sums.count;
    sums.queue += transmit.begin_s - ready;
    sums.queue_max = std::max(sums.queue_max, transmit.begin_s - ready);
    sums.delay += receive.begin_s - transmit.begin_s;
    sums.emulated += emulated;
    if (!planned_) return;
    double const planned = planned_->hop(transmit).value();
    sums.planned += planned;
    hop_latency_.add(planned, emulated);
    double const sender = powers_[static_cast<std::size_t>(transmit.device)].transmit.value();
    double const receiver = powers_[static_cast<std::size_t>(receive.device)].receive.value();
    hop_energy_.add((sender + receiver) * planned_->serialisation(transmit).value(),
                    sender * (transmit.end_s - transmit.begin_s) + receiver * (receive.end_s - receive.begin_s));
}

Link& Reduction::link(Event const& transmit) {
    auto const key = static_cast<std::uint64_t>(transmit.device) << 32 | static_cast<std::uint32_t>(transmit.peer);
    auto& found = links_[key];
    found.figures.device = transmit.device;
    found.figures.peer = transmit.peer;
    return found;
}

void Reduction::finish_requests(RoundRequests& requests, RoundFigures& figures) {
    double latency = 0, accuracy = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        auto& request = requests.figures(i);
        figures.dropped_blocks += request.dropped_blocks;
        for (auto const& plan : requests.plan(i)) {
            if (plan.block < 0) continue;
            auto& block = result_.blocks[static_cast<std::size_t>(plan.block) + 1];
            ++block.planned;
            if (plan.mode == BlockMode::skip) ++block.dropped;
        }
        if (request.status != trace::RequestStatus::rejected && planned_)
            request.planned_energy_j = planned_->energy(requests.first_plan(i)).value();
        if (request.status == trace::RequestStatus::done) {
            latency += request.latency_s;
            accuracy += request.accuracy;
            path_compute_ += request.compute_s;
            path_transfer_ += request.transfer_s;
            path_queue_ += request.queue_s;
            request_latency_.add(request.predicted_latency_s, request.latency_s);
            request_energy_.add(request.planned_energy_j, request.energy_j);
        }
        if (options_.detail == Detail::all) result_.request_paths.push_back(request);
    }
    figures.latency_mean_s = ratio(latency, real(figures.done));
    figures.accuracy_mean = ratio(accuracy, real(figures.done));
}

void Reduction::finish_round(trace::RoundRow const& row, double end, RoundFigures& figures) {
    auto const ledger = battery_rows_.all(row.round);
    std::vector<double> remaining(header_.devices.size(), none);
    for (auto const& battery : ledger)
        if (battery.device >= 0 && static_cast<std::size_t>(battery.device) < remaining.size())
            remaining[static_cast<std::size_t>(battery.device)] = battery.remaining_j;
    if (std::ranges::any_of(remaining, [](double value) { return std::isnan(value); }))
        refuse("/battery", row.round, "a device has no row");
    figures.energy_j = devices_.end_round(end, remaining);
    auto const lowest = std::ranges::min_element(remaining);
    if (lowest == remaining.end() || std::isinf(*lowest)) return;
    figures.lowest_battery_j = *lowest;
    figures.lowest_device = static_cast<std::int32_t>(lowest - remaining.begin());
}

void Reduction::finish_trace() {
    auto& figures = result_.trace;
    figures.path = trace_.path();
    figures.scenario = header_.provenance.scenario_name;
    figures.software_version = header_.software_version;
    figures.date = header_.date;
    figures.network = header_.provenance.network;
    figures.planner = rounds_.front().planner.str();
    figures.clock = header_.provenance.clock;
    figures.seed = header_.seed;
    figures.dilation = header_.provenance.dilation;
    figures.complete = trace_.complete();
    figures.ended = to_string(trace_.ended());
    figures.devices = static_cast<std::int64_t>(header_.devices.size());
    figures.blocks = static_cast<std::int64_t>(header_.blocks.size());
    figures.rounds = static_cast<std::int64_t>(rounds_.size());
    if (options_.scenario) figures.rounds_planned = options_.scenario->rounds.count;
    figures.start_s = rounds_.front().start_s;
    figures.end_s = end_of(rounds_.size() - 1);
    figures.span_s = figures.end_s - figures.start_s;
}

void Reduction::finish_totals() {
    auto& totals = result_.requests;
    double const done = real(totals.done);
    totals.unserved = totals.requests - totals.done;
    totals.latency_mean_s = ratio(totals.latency_total_s, done);
    totals.latency_p50_s = quantile(latencies_, 0.5);
    totals.latency_p90_s = quantile(latencies_, 0.9);
    totals.latency_p99_s = quantile(latencies_, 0.99);
    totals.latency_max_s = quantile(latencies_, 1);
    totals.path_compute_mean_s = ratio(path_compute_, done);
    totals.path_transfer_mean_s = ratio(path_transfer_, done);
    totals.path_queue_mean_s = ratio(path_queue_, done);
    totals.throughput_per_s = ratio(done, result_.trace.span_s);
    totals.accuracy_planned = ratio(accuracy_sum_, done);
    if (totals.labelled > 0) {
        totals.accuracy_planned_labelled = labelled_accuracy_sum_ / real(totals.labelled);
        totals.accuracy_observed = real(totals.correct) / real(totals.labelled);
        auto const interval = confidence_interval(totals.correct, totals.labelled);
        totals.accuracy_low = interval.low;
        totals.accuracy_high = interval.high;
    }
    for (auto const& round : result_.rounds) {
        totals.shared_bytes += round.shared_bytes;
        totals.macs += round.macs;
        totals.dropped_blocks += round.dropped_blocks;
    }
    for (auto const& [binding, rejected] : rejected_) result_.rejections.push_back({binding, rejected});
    result_.devices = devices_.figures();
    result_.energy = devices_.totals();
}

void Reduction::finish_links_and_blocks() {
    auto const mean = [](double sum, Sums const& sums) { return ratio(sum, real(sums.count)); };
    for (auto& [key, link] : links_) {
        auto& figures = link.figures;
        auto const& sums = link.sums;
        figures.utilisation = ratio(figures.busy_s, result_.trace.span_s);
        figures.rate_bit_s = ratio(8 * real(figures.bytes), figures.busy_s);
        figures.queue_mean_s = mean(sums.queue, sums);
        figures.queue_max_s = sums.count > 0 ? sums.queue_max : none;
        figures.delay_mean_s = mean(sums.delay, sums);
        figures.planned_mean_s = planned_ ? mean(sums.planned, sums) : none;
        figures.emulated_mean_s = mean(sums.emulated, sums);
        result_.links.push_back(figures);
    }
    std::ranges::sort(result_.links, {}, [](LinkFigures const& link) { return std::pair(link.device, link.peer); });
    for (std::size_t i = 0; i < result_.blocks.size(); ++i) {
        auto& figures = result_.blocks[i];
        auto const& sums = block_sums_[i];
        figures.dropped_share = ratio(real(figures.dropped), real(figures.planned));
        figures.compute_mean_s = ratio(figures.compute_s, real(figures.runs));
        figures.queue_mean_s = mean(sums.queue, sums);
        figures.planned_mean_s = planned_ ? mean(sums.planned, sums) : none;
        figures.emulated_mean_s = mean(sums.emulated, sums);
        figures.energy_j = figures.compute_j + figures.transmit_j + figures.receive_j;
    }
    if (result_.blocks.front().transfers == 0) result_.blocks.erase(result_.blocks.begin());
}

void Reduction::finish_comparisons() {
    result_.deviations = {
        request_latency_.figures("request", "latency_s"), request_energy_.figures("request", "energy_j"),
        hop_latency_.figures("hop", "latency_s"),         hop_energy_.figures("hop", "energy_j"),
        block_latency_.figures("block", "latency_s"),     block_energy_.figures("block", "energy_j")};
    if (!wall_) return;
    double uncertainty = 0;
    trace_.for_each_batch<trace::ClockRow>(row_batch, [&](std::span<trace::ClockRow const> rows) {
        for (auto const& row : rows) uncertainty = std::max(uncertainty, row.uncertainty_s);
    });
    result_.fidelity = faithfulness_.figures();
    result_.fidelity.clock_uncertainty_s = uncertainty;
    result_.achievements = faithfulness_.achievements();
}

void Reduction::add_notes() {
    auto& notes = result_.notes;
    auto const& trace = result_.trace;
    if (!trace.complete || trace_.ended() != trace::Ended::finished) {
        auto const of = trace.rounds_planned < 0 ? "" : " of " + std::to_string(trace.rounds_planned);
        std::string const why = trace_.ended() == trace::Ended::interrupted ? "the run was interrupted"
                                : trace_.ended() == trace::Ended::failed    ? "the run failed"
                                : trace_.being_written()                    ? "the run is going on"
                                                                            : "the run was killed";
        notes.push_back("incomplete: " + why + "; " + std::to_string(trace.rounds) + of + " rounds are in (0 to " +
                        std::to_string(trace.rounds - 1) + "), and what follows is about these alone");
    }
    if (double const stalled = trace_.stalled_s(); stalled > 0) {
        std::array<char, 160> text{};
        std::snprintf(text.data(), text.size(),
                      "rank 0 stood still for %.1f s (stopped, or no core was free); rounds began later for it, emulated "
                      "times are not affected",
                      stalled);
        notes.emplace_back(text.data());
    }
    if (result_.energy.ledger_error > energy_tolerance)
        notes.push_back("the battery ledger does not agree with the events and powers; `skipstone check` says where");
    if (!options_.scenario)
        notes.push_back("without the scenario there are no planned times of hops and blocks and no planned energies");
    if (options_.powers)
        for (auto const& device : result_.devices)
            if (device.battery_left_j < 0) {
                notes.push_back("with these powers " + device.name +
                                " would have run empty, and others too perhaps: plans would have been different");
                break;
            }
}

}  // namespace

Analysis analyze(trace::Reader const& trace, Options const& options) {
    return Reduction(trace, options).run();
}

}  // namespace skipstone::analysis
