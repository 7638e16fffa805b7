#include "cli/watched_round.hpp"

#include <cmath>
#include <map>
#include <utility>

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
        read.left_early += request.exit >= 0;
        read.latency_total_s += request.latency_s;
        read.accuracy_total += request.accuracy;
    }
    std::map<std::pair<std::int32_t, std::int32_t>, trace::PlanRow> last_plans;  // by request and block
    for (auto const& plan : trace.read<trace::PlanRow>(trace.rows_of<trace::PlanRow>(round))) {
        auto const [known, fresh] = last_plans.try_emplace({plan.request, plan.block}, plan);
        if (!fresh && plan.revision >= known->second.revision) known->second = plan;
    }
    for (auto const& [place, plan] : last_plans) read.dropped_blocks += plan.mode == BlockMode::skip;
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
        double const share = ledger.remaining_j / devices.at(device).battery_j;  // NaN on mains supply
        if (share < read.lowest_share) {
            read.lowest_share = share;
            read.lowest_battery_j = ledger.remaining_j;
            read.lowest_device = device;
        }
        read.empty_batteries += share <= 0;
        read.low_batteries += share > 0 && share < low_battery_share;
    }
    return read;
}

}  // namespace skipstone::cli
