#include "trace/check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <tuple>

#include "model/event.hpp"
#include "model/fault.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"

namespace skipstone::trace {

namespace {

constexpr double energy_tolerance = 1e-9;
constexpr double time_tolerance = 1e-9;

// Findings of one kind share their sentence's beginning; after the first few of a kind the rest are only counted.
class Findings {
  public:
    template <class... Parts>
    void add(std::string const& kind, Parts const&... parts) {
        auto& seen = counts_[kind];
        if (seen++ >= shown_of_a_kind) return;
        std::ostringstream text;
        text.precision(std::numeric_limits<double>::max_digits10);
        text << kind;
        static_cast<void>((text << ... << parts));
        sentences_.push_back(text.str());
    }

    std::vector<std::string> sentences() const {
        auto all = sentences_;
        for (auto const& [kind, count] : counts_)
            if (count > shown_of_a_kind)
                all.push_back(kind + ": " + std::to_string(count - shown_of_a_kind) + " more like that");
        return all;
    }

  private:
    static constexpr int shown_of_a_kind = 3;
    std::vector<std::string> sentences_;
    std::map<std::string, int> counts_;
};

// One round's rows, and when the next round starts; none for the last one.
struct Round {
    RoundRow row;
    std::optional<double> next_start;
    std::vector<PlanRow> plans;
    std::vector<RequestRow> requests;
    std::vector<Event> events;
    std::vector<BatteryRow> battery;
};

std::string in_round(RoundRow const& row) {
    return " in round " + std::to_string(row.round);
}

std::string named(Event const& event) {
    constexpr std::array names{"event", "compute", "transmit", "receive", "wait"};
    auto const kind = static_cast<std::size_t>(event.kind);
    std::ostringstream text;
    text << (kind < names.size() ? names[kind] : names[0]) << " of request " << event.request << ", block "
         << event.block << " on device " << event.device << ", round " << event.round;
    return text.str();
}

bool is_index(std::int32_t value, std::size_t size) {
    return value >= 0 && static_cast<std::size_t>(value) < size;
}

// Not later than, but for rounding.
bool not_after(double a, double b) {
    return a <= b + time_tolerance * std::max(1.0, std::abs(b));
}

void check_ending(Reader const& trace, Findings& findings) {
    auto const rounds = trace.committed_rounds();
    if (trace.ended() == Ended::running)
        findings.add("the trace is not complete", ": the run is still going on or was killed; rounds so far: ", rounds);
    else if (trace.ended() != Ended::finished)
        findings.add("the trace is not complete", ": the run ",
                     trace.ended() == Ended::failed ? "failed" : "was interrupted", " after rounds: ", rounds);
    if (trace.complete() != (trace.ended() == Ended::finished))
        findings.add("attribute complete does not agree with ended", ": ", trace.complete() ? 1 : 0, " and '",
                     to_string(trace.ended()), "'");
    if (trace.ended() == Ended::finished && trace.rows<RoundRow>() == 0) findings.add("a finished run has no rounds");
}

template <class Row>
void check_units(Reader const& trace, Findings& findings) {
    auto const& table = table_of<Row>();
    auto const units = trace.units(table.path);
    for (auto const& column : table.columns) {
        if (column.unit.empty()) continue;
        auto const pair = std::string(column.name) + "=" + std::string(column.unit);
        if (std::ranges::find(units, pair) == units.end())
            findings.add("a table's attribute units lacks an entry", ": /", table.path, " lacks ", pair);
    }
}

void check_all_units(Reader const& trace, Findings& findings) {
    check_units<DeviceRow>(trace, findings);
    check_units<BlockRow>(trace, findings);
    check_units<RoundRow>(trace, findings);
    if (!trace.has_dense_rates()) check_units<UsedLinkRow>(trace, findings);
    check_units<PlanRow>(trace, findings);
    check_units<RequestRow>(trace, findings);
    check_units<Event>(trace, findings);
    check_units<BatteryRow>(trace, findings);
    check_units<ClockRow>(trace, findings);
    check_units<OutageRow>(trace, findings);
}

void check_header(Reader const& trace, Findings& findings) {
    auto const& header = trace.header();
    for (std::size_t i = 0; i < header.devices.size(); ++i) {
        auto const& device = header.devices[i];
        if (device.device != static_cast<std::int32_t>(i))
            findings.add("/devices is not numbered", ": row ", i, " is device ", device.device);
        if (!(device.mac_rate > 0 && std::isfinite(device.mac_rate)))
            findings.add("a device has no mac_rate", ": device ", i);
        for (double const value : {device.battery_j, device.power_compute_w, device.power_transmit_w,
                                   device.power_receive_w, device.power_idle_w})
            if (!(value >= 0 && std::isfinite(value)))
                findings.add("a device's battery or power is negative, infinite or no number", ": device ", i);
        if (device.memory_bytes < 0 || device.macs_per_round < 0)
            findings.add("a device has no memory or no macs_per_round", ": device ", i);
    }
    for (std::size_t i = 0; i < header.blocks.size(); ++i) {
        auto const& block = header.blocks[i];
        if (block.block != static_cast<std::int32_t>(i))
            findings.add("/blocks is not numbered", ": row ", i, " is block ", block.block);
        if (std::min({block.macs, block.memory_bytes, block.output_bytes, block.weight_bytes, block.skip_macs,
                      block.skip_memory_bytes}) < 0)
            findings.add("a block lacks what it costs", ": block ", i);
    }
}

void check_times(Round const& round, std::optional<RoundRow> const& before, Findings& findings) {
    auto const& row = round.row;
    if (!(row.start_s >= 0 && std::isfinite(row.end_s)))
        findings.add("a round's times are negative, infinite or no numbers", in_round(row));
    if (!(row.start_s <= row.end_s)) findings.add("a round ends before it starts", in_round(row));
    if (before && !(not_after(before->end_s, row.start_s)))
        findings.add("a round starts before the one before it ends", in_round(row));
}

void check_rates(Reader const& trace, RoundRow const& row, Findings& findings) {
    if (!trace.has_dense_rates()) return;
    auto const devices = trace.header().devices.size();
    auto const rates = trace.rates(RoundId(row.round));
    for (std::size_t i = 0; i < devices; ++i)
        for (std::size_t k = 0; k < devices; ++k) {
            double const rate = rates[i * devices + k];
            if (i == k ? !std::isnan(rate) : !(rate >= 0))
                findings.add(i == k ? "a device has a link to itself" : "a link has no rate", ": ", i, " to ", k,
                             in_round(row));
        }
}

void check_requests(Round const& round, Findings& findings) {
    auto const& row = round.row;
    if (row.requests != static_cast<std::int32_t>(round.requests.size()))
        findings.add("/rounds counts other requests than /requests", in_round(row), ": ", row.requests, " and ",
                     round.requests.size());
    int admitted = 0;
    for (std::size_t i = 0; i < round.requests.size(); ++i) {
        auto const& request = round.requests[i];
        auto const where = ": request " + std::to_string(request.request) + in_round(row);
        if (request.request != static_cast<std::int32_t>(i)) findings.add("requests are not numbered from 0", where);
        if (!(request.arrival_s >= 0 && std::isfinite(request.arrival_s)))
            findings.add("a request's arrival is negative, infinite or no number", where);
        if (request.attempt < 1) findings.add("a request has no attempt", where);
        switch (request.status) {
            case RequestStatus::done:
                ++admitted;
                if (!(request.finish_s >= request.arrival_s) || !not_after(request.finish_s, row.end_s))
                    findings.add("a request does not finish between its arrival and its round's end", where);
                else if (!(std::abs(request.finish_s - request.arrival_s - request.latency_s) <=
                           time_tolerance * std::max(1.0, request.finish_s)))
                    findings.add("a request's latency is not the time from arrival to finish", where);
                if (!(request.accuracy >= 0 && request.accuracy <= 1))
                    findings.add("a request's accuracy is not in 0…1", where);
                break;
            case RequestStatus::rejected:
                if (!std::isnan(request.finish_s)) findings.add("a rejected request finishes", where);
                break;
            case RequestStatus::failed:
                ++admitted;
                break;
            default:
                findings.add("a request has an unknown status", where);
        }
    }
    if (admitted != row.admitted)
        findings.add("/rounds counts other admitted requests than /requests", in_round(row), ": ", row.admitted,
                     " and ", admitted);
}

void check_plans(Round const& round, std::size_t devices, std::size_t blocks, Findings& findings) {
    std::map<std::int32_t, std::set<std::int32_t>> planned;                  // blocks of a request in its first plan
    std::set<std::tuple<std::int32_t, std::int32_t, std::int32_t>> revised;  // request, revision, block
    for (auto const& plan : round.plans) {
        auto const where =
            ": request " + std::to_string(plan.request) + ", block " + std::to_string(plan.block) + in_round(round.row);
        if (!is_index(plan.request, round.requests.size()))
            findings.add("a plan names a request that does not exist", where);
        if (!is_index(plan.block, blocks)) findings.add("a plan names a block that does not exist", where);
        if (plan.device != -1 && !is_index(plan.device, devices))
            findings.add("a plan names a device that does not exist", where);
        if (plan.mode != BlockMode::full && plan.mode != BlockMode::skip && plan.mode != BlockMode::direct)
            findings.add("a plan has an unknown mode", where);
        else if (plan.device == -1 && plan.mode != BlockMode::skip)
            findings.add("a plan has no device for a block that is not dropped", where);
        if (plan.revision < 0) findings.add("a plan has a negative revision", where);
        if (plan.revision == 0) planned[plan.request].insert(plan.block);
        if (!revised.emplace(plan.request, plan.revision, plan.block).second)
            findings.add("a plan names a block twice", where);
    }
    for (auto const& request : round.requests) {
        auto const count = planned.contains(request.request) ? planned[request.request].size() : 0;
        if (request.status == RequestStatus::rejected ? count != 0 : count != blocks)
            findings.add("a request's plan does not fit its status", ": request ", request.request, in_round(round.row),
                         " has ", count, " of ", blocks, " blocks");
    }
}

void check_event(Event const& event, Round const& round, std::size_t devices, std::size_t blocks, Findings& findings) {
    auto const transfer = event.kind == EventKind::transmit || event.kind == EventKind::receive;
    auto const where = ": " + named(event);
    if (event.kind < EventKind::compute || event.kind > EventKind::wait)
        findings.add("an event has an unknown kind", where);
    if (!is_index(event.device, devices)) findings.add("an event is on a device that does not exist", where);
    if (transfer ? !is_index(event.peer, devices) : event.peer != -1)
        findings.add(transfer ? "a transfer has a peer that does not exist" : "an event that is no transfer has a peer",
                     where);
    if (!is_index(event.request, round.requests.size()))
        findings.add("an event names a request that does not exist", where);
    if (!is_index(event.block, blocks) && !(transfer && event.block == -1))
        findings.add("an event names a block that does not exist", where);
    if (!(event.begin_s <= event.end_s)) findings.add("an event ends before it begins", where);
    if (event.bytes < 0 || event.macs < 0) findings.add("an event has less than no bytes or MACs", where);
    if (!not_after(round.row.start_s, event.begin_s) || !not_after(event.end_s, round.row.end_s))
        findings.add("an event is not inside its round", where);
}

// Two blocks at a time on one processor, or a wait while it computes.
void check_processors(Round const& round, Findings& findings) {
    std::map<std::int32_t, std::vector<Event const*>> by_device;
    for (auto const& event : round.events)
        if (event.kind == EventKind::compute || event.kind == EventKind::wait)
            by_device[event.device].push_back(&event);
    for (auto& [device, events] : by_device) {
        std::ranges::sort(events, {}, [](Event const* event) { return std::pair(event->begin_s, event->end_s); });
        for (std::size_t i = 1; i < events.size(); ++i)
            if (!not_after(events[i - 1]->end_s, events[i]->begin_s))
                findings.add("a processor does two things at a time", ": ", named(*events[i - 1]), " and ",
                             named(*events[i]));
    }
}

// Every transmission has its reception, later by the latency, and the other way round.
void check_transfers(Round const& round, Findings& findings) {
    using Key = std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int32_t>;  // from, to, request, block
    std::map<Key, std::array<std::vector<Event const*>, 2>> transfers;
    for (auto const& event : round.events) {
        if (event.flags & event_flags::failed) continue;
        if (event.kind == EventKind::transmit)
            transfers[{event.device, event.peer, event.request, event.block}][0].push_back(&event);
        if (event.kind == EventKind::receive)
            transfers[{event.peer, event.device, event.request, event.block}][1].push_back(&event);
    }
    for (auto& [key, ends] : transfers) {
        for (auto& events : ends) std::ranges::sort(events, {}, &Event::begin_s);
        auto const& [sent, received] = ends;
        for (std::size_t i = 0; i < std::max(sent.size(), received.size()); ++i) {
            if (i >= received.size()) {
                findings.add("a transmission is not received", ": ", named(*sent[i]));
            } else if (i >= sent.size()) {
                findings.add("what is received was not transmitted", ": ", named(*received[i]));
            } else {
                auto const difference =
                    (received[i]->end_s - received[i]->begin_s) - (sent[i]->end_s - sent[i]->begin_s);
                if (!(std::abs(difference) <= time_tolerance * std::max(1.0, sent[i]->end_s)))
                    findings.add("a transmission takes another time than its reception", ": ", named(*sent[i]));
                if (!not_after(sent[i]->begin_s, received[i]->begin_s))
                    findings.add("something is received before it is transmitted", ": ", named(*received[i]));
                if (sent[i]->bytes != received[i]->bytes)
                    findings.add("a transmission has other bytes than its reception", ": ", named(*sent[i]));
            }
        }
    }
}

void check_overruns(Round const& round, Provenance const& provenance, Findings& findings) {
    auto const wall = provenance.clock == "wall";
    for (auto const& event : round.events) {
        bool const flagged = event.flags & event_flags::overrun;
        bool const late =
            wall && event.kind != EventKind::wait && !(event.flags & event_flags::failed) &&
            !(lateness(event, round.row.start_s, round.row.host_start_s, provenance.dilation) <= overrun_lateness);
        if (late != flagged)
            findings.add(late ? "an overrun is not flagged" : "a flag says overrun without one", ": ", named(event));
    }
}

void check_events(Round const& round, Reader const& trace, Findings& findings) {
    auto const& header = trace.header();
    for (auto const& event : round.events)
        check_event(event, round, header.devices.size(), header.blocks.size(), findings);
    check_processors(round, findings);
    check_transfers(round, findings);
    check_overruns(round, header.provenance, findings);
    std::vector<std::int64_t> shared(round.requests.size(), 0);
    for (auto const& event : round.events)
        if (event.kind == EventKind::transmit && is_index(event.request, shared.size()))
            shared[static_cast<std::size_t>(event.request)] += event.bytes;
    for (std::size_t i = 0; i < shared.size(); ++i)
        if (round.requests[i].status == RequestStatus::done && shared[i] != round.requests[i].shared_bytes)
            findings.add("a request's shared_bytes is not what was transmitted for it", ": request ", i,
                         in_round(round.row), ": ", round.requests[i].shared_bytes, " and ", shared[i]);
}

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

DownTimes down_times(std::vector<OutageRow> const& rows, std::size_t devices) {
    std::vector<Outage> outages;
    for (auto const& row : rows) {
        if (row.peer != -1 || !is_index(row.device, devices)) continue;
        auto const end = std::isnan(row.end_s) ? std::numeric_limits<double>::infinity() : row.end_s;
        outages.push_back({Seconds(row.begin_s), Seconds(end), DeviceId(row.device), DeviceId(), ""});
    }
    return DownTimes(outages);
}

// Holds the ledger against the events, round after round.
class Ledger {
  public:
    Ledger(std::vector<DeviceRow> const& devices, std::vector<OutageRow> const& outages)
        : devices_(devices), off_(down_times(outages, devices.size())) {
        for (auto const& device : devices) remaining_.push_back(device.battery_j);
    }

    void check(Round const& round, Findings& findings) {
        auto const remaining = remaining_after(round, findings);
        if (!remaining) return;
        std::vector<std::vector<Event const*>> events(devices_.size());
        for (auto const& event : round.events)
            if (is_index(event.device, events.size()) && event.kind != EventKind::wait)
                events[static_cast<std::size_t>(event.device)].push_back(&event);
        for (auto& mine : events) std::ranges::sort(mine, {}, &Event::begin_s);
        auto const end = round.next_start ? *round.next_start : end_of_last(round, events, *remaining);
        if (!not_after(round.row.end_s, end))
            findings.add("the battery ledger ends before the last round", in_round(round.row));
        for (std::size_t i = 0; i < devices_.size(); ++i) {
            check_device(i, spent_until(end, i, events[i], round.row.start_s), (*remaining)[i], round.row, findings);
            for (auto const* event : events[i])
                if (up_time(i, event->begin_s, event->end_s) <
                    (event->end_s - event->begin_s) - time_tolerance * std::max(1.0, event->end_s))
                    findings.add("a device works while it is off", ": ", named(*event));
        }
        remaining_ = *remaining;
    }

  private:
    std::optional<std::vector<double>> remaining_after(Round const& round, Findings& findings) const {
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

    double up_time(std::size_t device, double begin, double end) const {
        double time = 0;
        for (auto const& [from, to] : off_.up(DeviceId(device), Seconds(begin), Seconds(end)))
            time += (to - from).value();
        return time;
    }

    double spent_until(double end, std::size_t device, std::vector<Event const*> const& events, double start) const {
        auto const spending = spending_of(events, devices_[device], start, end);
        return spending.active_j + devices_[device].power_idle_w * (up_time(device, start, end) - spending.busy_s);
    }

    // When the round after the last one would have started is not in the trace: what an idling device spent tells it,
    // one that stayed on rather than one that went off meanwhile.
    double end_of_last(Round const& round, std::vector<std::vector<Event const*>> const& events,
                       std::vector<double> const& remaining) const {
        auto const& row = round.row;
        double end = row.end_s;
        for (std::size_t i = 0; i < devices_.size(); ++i) {
            if (!(devices_[i].power_idle_w > 0) || !(remaining[i] > 0)) continue;
            auto const spent_by_end = spent_until(row.end_s, i, events[i], row.start_s);
            auto const more = (remaining_[i] - remaining[i]) - spent_by_end;
            auto const rounding =
                energy_tolerance * spent_by_end + 4 * std::numeric_limits<double>::epsilon() * remaining_[i];
            double left = std::abs(more) <= rounding ? 0 : more / devices_[i].power_idle_w;
            Seconds const for_ever(std::numeric_limits<double>::infinity());
            auto const up = off_.up(DeviceId(i), Seconds(row.end_s), for_ever);
            if (up.size() == 1 && up.front() == std::pair(Seconds(row.end_s), for_ever)) return row.end_s + left;
            for (auto const& [from, to] : up) {
                if (left > 0 && left <= (to - from).value()) end = std::max(end, from.value() + left);
                left -= (to - from).value();
            }
        }
        return end;
    }

    void check_device(std::size_t device, double spent, double remaining, RoundRow const& row,
                      Findings& findings) const {
        auto const expected = std::max(0.0, remaining_[device] - spent);
        auto const tolerance =
            energy_tolerance * spent + 4 * std::numeric_limits<double>::epsilon() * remaining_[device];
        if (std::isinf(expected) && expected == remaining) return;
        if (!(remaining >= 0))
            findings.add("a battery holds less than nothing, or no number", ": device ", device, in_round(row));
        else if (!(std::abs(expected - remaining) <= tolerance))
            findings.add("the battery ledger does not agree with the events", ": device ", device, in_round(row),
                         " has ", remaining, " J left, by its events ", expected, " J");
    }

    std::vector<DeviceRow> const& devices_;
    DownTimes off_;
    std::vector<double> remaining_;
};

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

}  // namespace

std::vector<std::string> check(std::string const& path) {
    Reader const trace(path);
    auto const& header = trace.header();
    Findings findings;
    check_ending(trace, findings);
    check_all_units(trace, findings);
    check_header(trace, findings);
    auto const outages = trace.read<OutageRow>();
    check_outages(outages, header.devices.size(), findings);
    auto const rows = trace.read<RoundRow>();
    Ledger ledger(header.devices, outages);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        RoundId const id(i);
        Round const round{rows[i],
                          i + 1 < rows.size() ? std::optional(rows[i + 1].start_s) : std::nullopt,
                          trace.read<PlanRow>(trace.rows_of<PlanRow>(id)),
                          trace.read<RequestRow>(trace.rows_of<RequestRow>(id)),
                          trace.read<Event>(trace.rows_of<Event>(id)),
                          trace.read<BatteryRow>(trace.rows_of<BatteryRow>(id))};
        check_times(round, i > 0 ? std::optional(rows[i - 1]) : std::nullopt, findings);
        check_rates(trace, rows[i], findings);
        check_requests(round, findings);
        check_plans(round, header.devices.size(), header.blocks.size(), findings);
        check_events(round, trace, findings);
        ledger.check(round, findings);
    }
    return findings.sentences();
}

}  // namespace skipstone::trace
