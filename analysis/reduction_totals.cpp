#include "analysis/reduction.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "analysis/ratio.hpp"
#include "units/proportion.hpp"
#include "units/quantile.hpp"

namespace skipstone::analysis {

namespace {

double real(std::int64_t count) {
    return static_cast<double>(count);
}

}  // namespace

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
    auto const mean = [](double sum, Sums const& sums) { return ratio(sum, sums.count); };
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
        figures.dropped_share = ratio(real(figures.dropped), figures.planned);
        figures.compute_mean_s = ratio(figures.compute_s, figures.runs);
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
        std::snprintf(
            text.data(), text.size(),
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

}  // namespace skipstone::analysis
