#include "trace/check_ledger.hpp"

namespace skipstone::trace {

namespace {

// What a device does in an interval of time.
struct Spending {
    double active_j = 0;  // computing, transmitting, receiving: overlapping ones each count
    double busy_s = 0;    // time with any of these
};

Spending spending_of(std::vector<Event const*> const& events, DeviceRow const& device, double begin, double end) {
    Spending spending;
    double busy_until = begin;
    for (auto const* event : events) {
        double const from = std::max(event->begin_s, begin);
        double const to = std::min(event->end_s, end);
        if (!(from < to)) continue;
        auto const power = event->kind == EventKind::compute    ? device.power_compute_w
                           : event->kind == EventKind::transmit ? device.power_transmit_w
                                                                : device.power_receive_w;
        spending.active_j += power * (to - from);
        spending.busy_s += std::max(0.0, to - std::max(from, busy_until));
        busy_until = std::max(busy_until, to);
    }
    return spending;
}

}  // namespace

DownTimes down_times(std::vector<OutageRow> const& rows, std::size_t devices) {
    std::vector<Outage> outages;
    for (auto const& row : rows) {
        if (row.peer != -1 || !is_index(row.device, devices)) continue;
        auto const end = std::isnan(row.end_s) ? std::numeric_limits<double>::infinity() : row.end_s;
        outages.push_back({Seconds(row.begin_s), Seconds(end), DeviceId(row.device), DeviceId(), ""});
    }
    return DownTimes(outages);
}

void check_outages(std::vector<OutageRow> const& outages, std::size_t devices, Findings& findings) {
    for (std::size_t i = 0; i < outages.size(); ++i) {
        auto const& outage = outages[i];
        if (!is_index(outage.device, devices) || (outage.peer != -1 && !is_index(outage.peer, devices)))
            findings.add("an outage names a device that does not exist", ": row ", i);
        if (std::isnan(outage.begin_s) || outage.end_s < outage.begin_s)
            findings.add("an outage ends before it begins", ": row ", i);
        if (outage.cause.view().empty()) findings.add("an outage has no cause", ": row ", i);
    }
}

Ledger::Ledger(std::vector<DeviceRow> const& devices, std::vector<OutageRow> const& outages)
    : devices_(devices), off_(down_times(outages, devices.size())) {
    for (auto const& device : devices) remaining_.push_back(device.battery_j);
    for (auto const& outage : outages)
        if (outage.cause.view() == battery_cause) emptied_.push_back(outage.begin_s);
}

void Ledger::check(Round const& round, Findings& findings) {
    auto const remaining = remaining_after(round, findings);
    if (!remaining) return;
    Events events(devices_.size());
    for (auto const& event : round.events)
        if (is_index(event.device, events.size()) && event.kind != EventKind::wait)
            events[static_cast<std::size_t>(event.device)].push_back(&event);
    for (auto& mine : events) std::ranges::sort(mine, {}, &Event::begin_s);
    auto const start = round.row.start_s;
    auto const end = std::isnan(round.next_start) ? inferred_end(round, events, *remaining) : round.next_start;
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        auto const [expected, tolerance] = expected_at(end, i, events, start);
        auto const left = (*remaining)[i];
        if (!(left >= 0))
            findings.add("a battery holds less than nothing, or no number", ": device ", i, in_round(round.row));
        else if (!(left == expected || (std::isfinite(expected) && std::abs(expected - left) <= tolerance)))
            findings.add("the battery ledger does not agree with the events", ": device ", i, in_round(round.row),
                         " has ", left, " J left, by its events ", expected, " J");
        for (auto const* event : events[i])
            if (up_time(i, event->begin_s, event->end_s) < (event->end_s - event->begin_s) - rounding_of(event->end_s))
                findings.add("a device works while it is off", ": ", named(*event));
    }
    remaining_ = *remaining;
}

std::optional<std::vector<double>> Ledger::remaining_after(Round const& round, Findings& findings) const {
    std::vector<double> remaining(devices_.size(), no_value);
    bool right = round.battery.size() == devices_.size();
    for (auto const& row : round.battery) {
        right = right && is_index(row.device, remaining.size()) &&
                std::isnan(remaining[static_cast<std::size_t>(row.device)]);
        if (right) remaining[static_cast<std::size_t>(row.device)] = row.remaining_j;
    }
    if (right) return remaining;
    findings.add("/battery does not have one row per device", in_round(round.row));
    return std::nullopt;
}

double Ledger::up_time(std::size_t device, double begin, double end) const {
    double time = 0;
    for (auto const& [from, to] : off_.up(DeviceId(device), Seconds(begin), Seconds(end))) time += (to - from).value();
    return time;
}

double Ledger::spent_until(double end, std::size_t device, Events const& events, double start) const {
    auto const spending = spending_of(events[device], devices_[device], start, end);
    return spending.active_j + devices_[device].power_idle_w * (up_time(device, start, end) - spending.busy_s);
}

// Idle time is a difference of times: late ones are less exact.
Ledger::Expected Ledger::expected_at(double end, std::size_t device, Events const& events, double start) const {
    constexpr auto epsilon = std::numeric_limits<double>::epsilon();
    auto const spent = spent_until(end, device, events, start);
    auto const steps = static_cast<double>(events[device].size() + 1);
    return {std::max(0.0, remaining_[device] - spent),
            energy_tolerance * spent + 4 * epsilon * remaining_[device] +
                steps * epsilon * std::abs(end) * devices_[device].power_idle_w};
}

std::size_t Ledger::disagreeing(double end, Events const& events, double start,
                                std::vector<double> const& remaining) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        auto const [expected, tolerance] = expected_at(end, i, events, start);
        if (!(remaining[i] == expected || std::abs(remaining[i] - expected) <= tolerance)) ++count;
    }
    return count;
}

// Traces of earlier programs do not say when the round after the last one would have started. It is one of the times
// until which a device that idles has spent what it has, or at which a battery ran empty, or the round's end; and with
// the right one all devices agree.
double Ledger::inferred_end(Round const& round, Events const& events, std::vector<double> const& remaining) const {
    auto const& row = round.row;
    std::vector<double> ends{row.end_s};
    for (double const time : emptied_)
        if (time > row.end_s) ends.push_back(time);
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        if (!(devices_[i].power_idle_w > 0) || !(remaining[i] > 0)) continue;
        auto const spent_by_end = spent_until(row.end_s, i, events, row.start_s);
        double left = ((remaining_[i] - remaining[i]) - spent_by_end) / devices_[i].power_idle_w;
        Seconds const for_ever(std::numeric_limits<double>::infinity());
        for (auto const& [from, to] : off_.up(DeviceId(i), Seconds(row.end_s), for_ever)) {
            if (left > 0 && left <= (to - from).value()) ends.push_back(from.value() + left);
            left -= (to - from).value();
        }
    }
    return std::ranges::min(ends, {}, [&](double end) { return disagreeing(end, events, row.start_s, remaining); });
}

}  // namespace skipstone::trace
