#include "analysis/analyze.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "analysis/ratio.hpp"
#include "analysis/reduction.hpp"
#include "units/error.hpp"

namespace skipstone::analysis {

namespace {

std::vector<Powers> powers_of(trace::Header const& header) {
    std::vector<Powers> powers;
    for (auto const& device : header.devices)
        powers.push_back({Watts(device.power_compute_w), Watts(device.power_transmit_w), Watts(device.power_receive_w),
                          Watts(device.power_idle_w)});
    return powers;
}

}  // namespace

Reduction::Reduction(trace::Reader const& trace, Options const& options)
    : trace_(trace),
      options_(options),
      header_(trace.header()),
      rounds_(trace.read<trace::RoundRow>()),
      powers_(options.powers ? *options.powers : powers_of(header_)),
      wall_(header_.provenance.clock == "wall"),
      request_rows_(trace, row_batch),
      plan_rows_(trace, row_batch),
      price_rows_(trace, row_batch),
      exit_rows_(trace, row_batch),
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
        planned_.emplace(trace, *options.scenario, options.network ? &*options.network : nullptr, powers_);
    }
    auto const* const scenario = options.scenario ? &*options.scenario : nullptr;
    bool const endless =
        scenario && (scenario->requests.arrivals == Arrivals::every || scenario->requests.arrivals == Arrivals::closed);
    if (header_.goal == Goal::throughput || endless)
        stream_.emplace(header_, scenario ? scenario->links.medium : Medium::links);
    if (header_.has_exits()) exits_.emplace(header_);
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
    if (exits_) exits_->finish(result_);
    if (stream_) stream_->finish(result_);
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
    auto const rows = request_rows_.all(row.round);
    auto requests = requests_of(row, rows, figures);
    double earliest = -std::numeric_limits<double>::infinity();
    for (auto part = events_.next(row.round); !part.empty(); part = events_.next(row.round))
        for (Event const& event : part) {
            check(event, requests.size(), earliest);
            earliest = event.begin_s;
            add_event(event, requests, figures);
        }
    if (stream_) stream_->end_round();
    finish_requests(requests, figures, rows);
    finish_round(row, end_of(round), figures);
    result_.rounds.push_back(std::move(figures));
}

RoundRequests Reduction::requests_of(trace::RoundRow const& row, std::vector<trace::RequestRow> const& rows,
                                     RoundFigures& figures) {
    auto const plans = plan_rows_.all(row.round);
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].request != static_cast<std::int32_t>(i))
            refuse("/requests", row.round, "requests are not numbered from 0");
    for (auto const& plan : plans)
        if (plan.request < 0 || static_cast<std::size_t>(plan.request) >= rows.size() || plan.block < 0 ||
            static_cast<std::size_t>(plan.block) >= header_.chain() ||
            plan.device >= static_cast<std::int32_t>(header_.devices.size()))
            refuse("/plans", row.round, "a plan names a request, block or device that does not exist");
    auto const prices = price_rows_.all(row.round);
    for (auto const& price : prices)
        if (price.device < 0 ||
            std::max(price.device, price.peer) >= static_cast<std::int32_t>(header_.devices.size()) ||
            (price.resource == ResourcePrice::Resource::link && price.peer < 0))
            refuse("/prices", row.round, "a price names a device that does not exist");
    if (stream_) stream_->begin_round(row, rows, plans, prices);
    if (exits_ && !exits_->begin_round(rows, exit_rows_.all(row.round)))
        refuse("/exits", row.round, "a request left, or a head judged it, at an exit that does not exist");
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
                if (!exits_ && header_.provenance.weights_hash == trace::random_weights) break;
                if (auto const answer = exits_ ? request.verdict : request.predicted_class;
                    request.label < 0 || answer < 0)
                    break;
                else if (++totals.labelled; request.label == answer)
                    ++totals.correct;
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
    return RoundRequests(row, charge_of(row), rows, plans, header_);
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
    if (stream_) stream_->add(event);
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
    auto const plans = requests.plan(request);
    auto const block_index = static_cast<std::size_t>(event.block);
    auto const plan = block_index < plans.size() ? plans[block_index] : trace::PlanRow{};  // heads are in no plan
    auto const mode = plan.block < 0 ? BlockMode::full : plan.mode;
    double const planned =
        planned_
            ->compute({BlockId(event.block), mode, Split{plan.split, plan.parts}, event.part}, DeviceId(event.device))
            .value();
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

Reduction::Link& Reduction::link(Event const& transmit) {
    auto const key = static_cast<std::uint64_t>(transmit.device) << 32 | static_cast<std::uint32_t>(transmit.peer);
    auto& found = links_[key];
    found.figures.device = transmit.device;
    found.figures.peer = transmit.peer;
    return found;
}

void Reduction::add_exit(trace::RequestRow const& row, RoundRequests& requests) {
    auto const request = static_cast<std::size_t>(row.request);
    auto const& plan = requests.last_plan(request);
    bool const known = planned_ && plan;
    exits_->add(row, requests.figures(request), known ? planned_->whole(*plan) : WholeRequest{},
                known ? planned_->leaving(*plan) : std::vector<double>{});
}

void Reduction::finish_requests(RoundRequests& requests, RoundFigures& figures,
                                std::vector<trace::RequestRow> const& rows) {
    double latency = 0, accuracy = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        requests.finish_path(i);
        auto& request = requests.figures(i);
        figures.dropped_blocks += request.dropped_blocks;
        for (auto const& plan : requests.plan(i)) {
            if (plan.block < 0) continue;
            auto& block = result_.blocks[static_cast<std::size_t>(plan.block) + 1];
            ++block.planned;
            if (plan.mode == BlockMode::skip) ++block.dropped;
        }
        if (request.status != trace::RequestStatus::rejected && planned_ && requests.first_plan(i))
            request.planned_energy_j = planned_->energy(*requests.first_plan(i)).value();
        if (request.status == trace::RequestStatus::done) {
            latency += request.latency_s;
            accuracy += request.accuracy;
            path_compute_ += request.compute_s;
            path_transfer_ += request.transfer_s;
            path_queue_ += request.queue_s;
            request_latency_.add(request.predicted_latency_s, request.latency_s);
            request_energy_.add(request.planned_energy_j, request.energy_j);
            if (exits_) add_exit(rows[i], requests);
        }
        if (options_.detail == Detail::all) result_.request_paths.push_back(request);
    }
    figures.latency_mean_s = ratio(latency, figures.done);
    figures.accuracy_mean = ratio(accuracy, figures.done);
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

Analysis analyze(trace::Reader const& trace, Options const& options) {
    return Reduction(trace, options).run();
}

}  // namespace skipstone::analysis
