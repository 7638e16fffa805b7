#pragma once

#include <string_view>

#include "analysis/summary.hpp"

// The columns of each table of summary.hpp, once for JSON, CSV and comparison: fields(row, visit) calls visit(name,
// value) for each, with value a std::string, std::string_view, bool, integer or double.
namespace skipstone::analysis {

#define FIELD(member) visit(std::string_view(#member), row.member)

void fields(TraceFigures const& row, auto&& visit) {
    FIELD(path);
    FIELD(scenario);
    FIELD(software_version);
    FIELD(date);
    FIELD(network);
    FIELD(planner);
    FIELD(clock);
    FIELD(seed);
    FIELD(dilation);
    FIELD(complete);
    FIELD(ended);
    FIELD(devices);
    FIELD(blocks);
    FIELD(rounds);
    FIELD(rounds_planned);
    FIELD(events);
    FIELD(failed_events);
    FIELD(start_s);
    FIELD(end_s);
    FIELD(span_s);
}

void fields(RequestTotals const& row, auto&& visit) {
    FIELD(requests);
    FIELD(attempts);
    FIELD(done);
    FIELD(rejected);
    FIELD(failed);
    FIELD(unserved);
    FIELD(latency_mean_s);
    FIELD(latency_p50_s);
    FIELD(latency_p90_s);
    FIELD(latency_p99_s);
    FIELD(latency_max_s);
    FIELD(latency_total_s);
    FIELD(path_compute_mean_s);
    FIELD(path_transfer_mean_s);
    FIELD(path_queue_mean_s);
    FIELD(throughput_per_s);
    FIELD(accuracy_planned);
    FIELD(labelled);
    FIELD(correct);
    FIELD(accuracy_planned_labelled);
    FIELD(accuracy_observed);
    FIELD(accuracy_low);
    FIELD(accuracy_high);
    FIELD(shared_bytes);
    FIELD(macs);
    FIELD(dropped_blocks);
}

void fields(Rejection const& row, auto&& visit) {
    FIELD(binding);
    FIELD(rejected);
}

void fields(EnergyTotals const& row, auto&& visit) {
    FIELD(compute_j);
    FIELD(transmit_j);
    FIELD(receive_j);
    FIELD(idle_j);
    FIELD(energy_j);
    FIELD(ledger_j);
    FIELD(ledger_error);
}

void fields(DeviceFigures const& row, auto&& visit) {
    FIELD(device);
    FIELD(name);
    FIELD(processor_compute_s);
    FIELD(processor_wait_s);
    FIELD(processor_idle_s);
    FIELD(processor_off_s);
    FIELD(radio_transmit_s);
    FIELD(radio_receive_s);
    FIELD(radio_idle_s);
    FIELD(radio_off_s);
    FIELD(airtime_transmit_s);
    FIELD(airtime_receive_s);
    FIELD(rest_s);
    FIELD(compute_j);
    FIELD(transmit_j);
    FIELD(receive_j);
    FIELD(idle_j);
    FIELD(energy_j);
    FIELD(battery_j);
    FIELD(battery_left_j);
    FIELD(ledger_j);
    FIELD(ledger_error);
    FIELD(blocks_run);
    FIELD(macs);
    FIELD(sent_bytes);
    FIELD(received_bytes);
    FIELD(mac_rate);
    FIELD(achieved_mac_rate);
    FIELD(host_mac_rate);
    FIELD(overruns);
}

void fields(LinkFigures const& row, auto&& visit) {
    FIELD(device);
    FIELD(peer);
    FIELD(transfers);
    FIELD(retransmitted);
    FIELD(bytes);
    FIELD(busy_s);
    FIELD(utilisation);
    FIELD(rate_bit_s);
    FIELD(queue_mean_s);
    FIELD(queue_max_s);
    FIELD(delay_mean_s);
    FIELD(planned_mean_s);
    FIELD(emulated_mean_s);
}

void fields(BlockFigures const& row, auto&& visit) {
    FIELD(block);
    FIELD(name);
    FIELD(planned);
    FIELD(dropped);
    FIELD(dropped_share);
    FIELD(runs);
    FIELD(macs);
    FIELD(compute_s);
    FIELD(compute_mean_s);
    FIELD(queue_mean_s);
    FIELD(planned_mean_s);
    FIELD(emulated_mean_s);
    FIELD(transfers);
    FIELD(bytes);
    FIELD(transmit_s);
    FIELD(compute_j);
    FIELD(transmit_j);
    FIELD(receive_j);
    FIELD(energy_j);
}

void fields(RoundFigures const& row, auto&& visit) {
    FIELD(round);
    FIELD(start_s);
    FIELD(end_s);
    FIELD(length_s);
    FIELD(requests);
    FIELD(admitted);
    FIELD(done);
    FIELD(rejected);
    FIELD(failed);
    FIELD(planner);
    FIELD(status);
    FIELD(binding);
    FIELD(objective);
    FIELD(bound);
    FIELD(gap);
    FIELD(plan_host_s);
    FIELD(predicted_latency_s);
    FIELD(latency_mean_s);
    FIELD(accuracy_mean);
    FIELD(dropped_blocks);
    FIELD(shared_bytes);
    FIELD(macs);
    FIELD(overruns);
    FIELD(energy_j);
    FIELD(lowest_battery_j);
    FIELD(lowest_device);
}

void fields(RequestFigures const& row, auto&& visit) {
    FIELD(round);
    FIELD(request);
    FIELD(attempt);
    visit(std::string_view("status"), to_string(row.status));
    FIELD(arrival_s);
    FIELD(latency_s);
    FIELD(predicted_latency_s);
    FIELD(accuracy);
    FIELD(compute_s);
    FIELD(transfer_s);
    FIELD(queue_s);
    FIELD(queue_start_s);
    FIELD(queue_processor_s);
    FIELD(queue_link_s);
    FIELD(hops);
    FIELD(dropped_blocks);
    FIELD(shared_bytes);
    FIELD(macs);
    FIELD(energy_j);
    FIELD(planned_energy_j);
}

void fields(Deviation const& row, auto&& visit) {
    FIELD(level);
    FIELD(quantity);
    FIELD(count);
    FIELD(planned_mean);
    FIELD(emulated_mean);
    FIELD(bias);
    FIELD(relative_bias);
    FIELD(p50);
    FIELD(p99);
    FIELD(max);
}

void fields(Fidelity const& row, auto&& visit) {
    FIELD(events);
    FIELD(overruns);
    FIELD(overrun_share);
    FIELD(lateness_mean);
    FIELD(lateness_p50);
    FIELD(lateness_p90);
    FIELD(lateness_p99);
    FIELD(lateness_max);
    FIELD(clock_uncertainty_s);
}

void fields(Achievement const& row, auto&& visit) {
    FIELD(kind);
    FIELD(count);
    FIELD(requested_mean_s);
    FIELD(achieved_mean_s);
    FIELD(requested_rate);
    FIELD(achieved_rate);
    FIELD(rate_unit);
    FIELD(error_mean);
    FIELD(error_p50);
    FIELD(error_p99);
    FIELD(error_max);
}

void fields(StreamFigures const& row, auto&& visit) {
    FIELD(rounds);
    FIELD(done);
    FIELD(counted);
    FIELD(window_s);
    FIELD(throughput_per_s);
    FIELD(throughput_error_per_s);
    FIELD(batches);
    FIELD(period_s);
    FIELD(planned_per_s);
    FIELD(bound_per_s);
    FIELD(gap);
    FIELD(latency_mean_s);
    FIELD(latency_p50_s);
    FIELD(latency_p90_s);
    FIELD(latency_p99_s);
    FIELD(bottleneck);
    FIELD(bottleneck_s);
    FIELD(bottleneck_share);
}

void fields(StageFigures const& row, auto&& visit) {
    FIELD(stage);
    FIELD(first_block);
    FIELD(last_block);
    FIELD(blocks);
    FIELD(on);
    FIELD(devices);
    FIELD(split);
    FIELD(per_request_s);
    FIELD(share);
}

void fields(ResourceFigures const& row, auto&& visit) {
    FIELD(resource);
    FIELD(device);
    FIELD(peer);
    FIELD(name);
    FIELD(busy_s);
    FIELD(per_request_s);
    FIELD(share);
}

void fields(GainFigures const& row, auto&& visit) {
    FIELD(device);
    FIELD(name);
    FIELD(processor_per_s);
    FIELD(memory_per_s);
    FIELD(radio_per_s);
    FIELD(links_per_s);
    FIELD(gain_per_s);
    FIELD(bound_per_s);
}

void fields(ExitFigures const& row, auto&& visit) {
    FIELD(exit);
    FIELD(name);
    FIELD(threshold);
    FIELD(reached);
    FIELD(left);
    FIELD(reach_share);
    FIELD(left_share);
    FIELD(left_low);
    FIELD(left_high);
    FIELD(expected_reach);
    FIELD(expected_left);
    FIELD(labelled);
    FIELD(correct);
    FIELD(accuracy);
    FIELD(accuracy_low);
    FIELD(accuracy_high);
    FIELD(head_accuracy);
    FIELD(confidence_mean);
    FIELD(confidence_stayed_mean);
    FIELD(latency_mean_s);
    FIELD(energy_mean_j);
    FIELD(macs_mean);
}

void fields(LeavingFigures const& row, auto&& visit) {
    FIELD(done);
    FIELD(left_early);
    FIELD(early_share);
    FIELD(accuracy_promised);
    FIELD(labelled);
    FIELD(correct);
    FIELD(accuracy_promised_labelled);
    FIELD(accuracy_observed);
    FIELD(accuracy_low);
    FIELD(accuracy_high);
    FIELD(macs_mean);
    FIELD(macs_whole_mean);
    FIELD(macs_saved);
    FIELD(energy_mean_j);
    FIELD(energy_whole_mean_j);
    FIELD(energy_saved);
    FIELD(way_mean_s);
    FIELD(way_whole_mean_s);
    FIELD(way_saved);
}

#undef FIELD

// The tables of one row, with the names that they have in JSON and as CSV files: visit(name, row).
void single_rows(Analysis const& analysis, auto&& visit) {
    visit(std::string_view("trace"), analysis.trace);
    visit(std::string_view("requests"), analysis.requests);
    visit(std::string_view("energy"), analysis.energy);
    visit(std::string_view("fidelity"), analysis.fidelity);
}

// The tables that are lists, with the same: visit(name, rows). Those of exits and
// of streams are there where there are some only.
void tables(Analysis const& analysis, auto&& visit) {
#define TABLE(member) visit(std::string_view(#member), analysis.member)
    TABLE(rejections);
    TABLE(devices);
    TABLE(links);
    TABLE(blocks);
    TABLE(rounds);
    TABLE(request_paths);
    TABLE(deviations);
    TABLE(achievements);
    if (!analysis.leaving.empty()) {
        TABLE(leaving);
        TABLE(exits);
    }
    if (analysis.stream.empty()) return;
    TABLE(stream);
    TABLE(stages);
    TABLE(resources);
    TABLE(gains);
#undef TABLE
}

}  // namespace skipstone::analysis
