#include "analysis/faithfulness.hpp"

#include <algorithm>
#include <cmath>

namespace skipstone::analysis {

void Faithfulness::Kept::add(double requested, double achieved, double done) {
    requested_s += requested;
    achieved_s += achieved;
    amount += done;
    error.add((achieved - requested) / std::max(requested, 0.010));
}

void Faithfulness::add(Event const& event) {
    if ((event.flags & event_flags::failed) != 0 || std::isnan(event.host_begin_s) || std::isnan(event.host_end_s))
        return;
    lateness_.add(lateness(event, round_.start_s, round_.host_start_s, dilation_));
    if ((event.flags & event_flags::overrun) != 0) ++overruns_;
    double const requested = event.end_s - event.begin_s;
    double const achieved = (event.host_end_s - event.host_begin_s) / dilation_;
    if (event.kind == EventKind::compute) compute_.add(requested, achieved, static_cast<double>(event.macs));
    if (event.kind == EventKind::transmit) transmit_.add(requested, achieved, 8 * static_cast<double>(event.bytes));
}

void Faithfulness::add(Hop const& hop) {
    double const achieved = (hop.receive.host_end_s - hop.transmit.host_begin_s) / dilation_;
    if (!std::isnan(achieved)) hop_.add(hop.receive.end_s - hop.transmit.begin_s, achieved, 0);
}

Fidelity Faithfulness::figures() const {
    Fidelity figures{.events = lateness_.count(), .overruns = overruns_};
    if (figures.events > 0)
        figures.overrun_share = static_cast<double>(overruns_) / static_cast<double>(figures.events);
    figures.lateness_mean = lateness_.mean();
    figures.lateness_p50 = lateness_.quantile(0.5);
    figures.lateness_p90 = lateness_.quantile(0.9);
    figures.lateness_p99 = lateness_.quantile(0.99);
    figures.lateness_max = lateness_.max();
    return figures;
}

std::vector<Achievement> Faithfulness::achievements() const {
    std::vector<Achievement> rows;
    auto const add = [&](char const* kind, Kept const& kept, char const* unit) {
        Achievement row{.kind = kind, .count = kept.error.count(), .rate_unit = unit};
        if (row.count > 0) {
            row.requested_mean_s = kept.requested_s / static_cast<double>(row.count);
            row.achieved_mean_s = kept.achieved_s / static_cast<double>(row.count);
        }
        if (row.count > 0 && !row.rate_unit.empty()) {
            row.requested_rate = kept.amount / kept.requested_s;
            row.achieved_rate = kept.amount / kept.achieved_s;
        }
        row.error_mean = kept.error.mean();
        row.error_p50 = kept.error.quantile(0.5);
        row.error_p99 = kept.error.quantile(0.99);
        row.error_max = kept.error.max();
        rows.push_back(std::move(row));
    };
    add("compute", compute_, "MAC/s");
    add("transmit", transmit_, "bit/s");
    add("hop", hop_, "");
    return rows;
}

}  // namespace skipstone::analysis
