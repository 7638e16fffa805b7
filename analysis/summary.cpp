#include "analysis/summary.hpp"

#include <algorithm>
#include <cmath>

#include "units/error.hpp"

namespace skipstone::analysis {

namespace {

// Mean of a member over the rounds that have it.
double mean_over(std::vector<RoundFigures> const& rounds, double RoundFigures::*member) {
    double sum = 0, count = 0;
    for (auto const& round : rounds)
        if (!std::isnan(round.*member)) sum += round.*member, ++count;
    return count > 0 ? sum / count : none;
}

double lowest_battery(std::vector<DeviceFigures> const& devices) {
    double lowest = none;
    for (auto const& device : devices)
        if (std::isfinite(device.battery_left_j)) lowest = std::fmin(lowest, device.battery_left_j);
    return lowest;
}

}  // namespace

std::string_view to_string(trace::RequestStatus status) {
    switch (status) {
        case trace::RequestStatus::done:
            return "done";
        case trace::RequestStatus::rejected:
            return "rejected";
        case trace::RequestStatus::failed:
            return "failed";
    }
    contract_failed("precondition", "a request's status", __FILE__, __LINE__);
}

Row summary_row(Analysis const& analysis) {
    auto const& requests = analysis.requests;
    auto const& energy = analysis.energy;
    auto const number = [](std::int64_t count) { return static_cast<double>(count); };
    Row row{{"requests", number(requests.requests)},
            {"done", number(requests.done)},
            {"rejected", number(requests.rejected)},
            {"failed", number(requests.failed)},
            {"latency_mean_s", requests.latency_mean_s},
            {"latency_p50_s", requests.latency_p50_s},
            {"latency_p90_s", requests.latency_p90_s},
            {"latency_p99_s", requests.latency_p99_s},
            {"latency_max_s", requests.latency_max_s},
            {"latency_total_s", requests.latency_total_s},
            {"path_compute_mean_s", requests.path_compute_mean_s},
            {"path_transfer_mean_s", requests.path_transfer_mean_s},
            {"path_queue_mean_s", requests.path_queue_mean_s},
            {"throughput_per_s", requests.throughput_per_s},
            {"accuracy_planned", requests.accuracy_planned},
            {"accuracy_observed", requests.accuracy_observed},
            {"shared_bytes", number(requests.shared_bytes)},
            {"macs", number(requests.macs)},
            {"dropped_blocks", number(requests.dropped_blocks)},
            {"energy_j", energy.energy_j},
            {"compute_j", energy.compute_j},
            {"transmit_j", energy.transmit_j},
            {"receive_j", energy.receive_j},
            {"idle_j", energy.idle_j},
            {"lowest_battery_j", lowest_battery(analysis.devices)},
            {"objective_mean", mean_over(analysis.rounds, &RoundFigures::objective)},
            {"gap_mean", mean_over(analysis.rounds, &RoundFigures::gap)},
            {"plan_host_mean_s", mean_over(analysis.rounds, &RoundFigures::plan_host_s)},
            {"rounds", number(analysis.trace.rounds)},
            {"span_s", analysis.trace.span_s},
            {"overrun_share", analysis.fidelity.overrun_share}};
    for (auto const& leaving : analysis.leaving)
        for (auto const& [name, value] : Row{{"left_early_share", leaving.early_share},
                                             {"macs_saved", leaving.macs_saved},
                                             {"energy_saved", leaving.energy_saved}})
            row.emplace_back(name, value);
    for (auto const& stream : analysis.stream)
        for (auto const& [name, value] : Row{{"steady_throughput_per_s", stream.throughput_per_s},
                                             {"throughput_bound_per_s", stream.bound_per_s},
                                             {"throughput_gap", stream.gap},
                                             {"bottleneck_s", stream.bottleneck_s},
                                             {"steady_latency_p50_s", stream.latency_p50_s}})
            row.emplace_back(name, value);
    return row;
}

}  // namespace skipstone::analysis
