#include "cli/watched_round.hpp"

#include <cmath>

namespace skipstone::cli {

namespace {

constexpr double low_battery_share = 0.2;

}  // namespace

WatchedRound read_round(trace::Reader const& trace, RoundId round) {
    WatchedRound read;
    read.row = trace.read<trace::RoundRow>({round.index(), 1}).front();
    for (auto const& request : trace.read<trace::RequestRow>(trace.rows_of<trace::RequestRow>(round))) {
        read.rejected += request.status == trace::RequestStatus::rejected;
        read.failed += request.status == trace::RequestStatus::failed;
        if (request.status != trace::RequestStatus::done) continue;
        ++read.done;
        read.latency_total_s += request.latency_s;
        read.accuracy_total += request.accuracy;
    }
    for (auto const& plan : trace.read<trace::PlanRow>(trace.rows_of<trace::PlanRow>(round)))
        read.dropped_blocks += plan.revision == 0 && plan.mode == BlockMode::skip;
    for (auto const& event : trace.read<Event>(trace.rows_of<Event>(round))) {
        if (event.kind == EventKind::wait || (event.flags & event_flags::failed) != 0 || std::isnan(event.host_end_s))
            continue;
        ++read.events;
        read.overruns += (event.flags & event_flags::overrun) != 0;
    }
    auto const& devices = trace.header().devices;
    for (auto const& ledger : trace.read<trace::BatteryRow>(trace.rows_of<trace::BatteryRow>(round))) {
        trace.require_device(ledger.device, "/battery");
        auto const device = static_cast<std::size_t>(ledger.device);
        if (!(ledger.remaining_j >= read.lowest_battery_j)) {
            read.lowest_battery_j = ledger.remaining_j;
            read.lowest_device = device;
        }
        read.empty_batteries += ledger.remaining_j <= 0;
        read.low_batteries +=
            ledger.remaining_j > 0 && ledger.remaining_j < low_battery_share * devices.at(device).battery_j;
    }
    return read;
}

}  // namespace skipstone::cli
