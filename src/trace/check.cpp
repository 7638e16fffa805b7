#include "trace/check.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "trace/check_basis.hpp"
#include "trace/check_capacity.hpp"
#include "trace/check_course.hpp"
#include "trace/check_events.hpp"
#include "trace/check_exits.hpp"
#include "trace/check_ledger.hpp"
#include "trace/check_requests.hpp"
#include "trace/check_throughput.hpp"
#include "trace/findings.hpp"
#include "trace/reader.hpp"

namespace skipstone::trace {

namespace {

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
        if (column.unit.empty() || !trace.has_column<Row>(column.name)) continue;
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
    if (trace.header().goal == Goal::throughput) check_units<PriceRow>(trace, findings);
    check_units<RequestRow>(trace, findings);
    if (trace.header().has_exits()) check_units<ExitRow>(trace, findings);
    check_units<Event>(trace, findings);
    check_units<BatteryRow>(trace, findings);
    check_units<ClockRow>(trace, findings);
    check_units<OutageRow>(trace, findings);
}

// By the resolved scenario: there was a table, or rules of exits.
bool knew_accuracy(Reader const& trace) {
    constexpr std::string_view none = "\n[accuracy]\ntable = \"none\"\n";
    return trace.header().has_exits() || trace.header().provenance.scenario.find(none) == std::string::npos;
}

void check_head(Header const& header, std::size_t row, Findings& findings) {
    auto const& head = header.blocks[row];
    auto const& block = header.blocks[static_cast<std::size_t>(head.after)];
    if (!(head.threshold >= 0 && head.threshold <= 1))
        findings.add("an exit's threshold is not in 0…1", ": block ", row, ": ", head.threshold);
    if (row > header.chain() && head.after <= header.blocks[row - 1].after)
        findings.add("exits are not in the order of the blocks", ": block ", row, " is behind block ", head.after);
    if (head.input_bytes != block.output_bytes)
        findings.add("a head does not read what its block gives", ": block ", row, " reads ", head.input_bytes,
                     " bytes instead of ", block.output_bytes);
}

void check_header(Reader const& trace, Findings& findings) {
    auto const& header = trace.header();
    for (std::size_t i = 0; i < header.devices.size(); ++i) {
        auto const& device = header.devices[i];
        if (device.device != static_cast<std::int32_t>(i))
            findings.add("/devices is not numbered", ": row ", i, " is device ", device.device);
        if (!(device.mac_rate > 0 && std::isfinite(device.mac_rate)))
            findings.add("a device has no mac_rate", ": device ", i);
        if (!(device.battery_j >= 0)) findings.add("a device's battery is negative or no number", ": device ", i);
        for (double const value :
             {device.power_compute_w, device.power_transmit_w, device.power_receive_w, device.power_idle_w})
            if (!(value >= 0 && std::isfinite(value)))
                findings.add("a device's power is negative, infinite or no number", ": device ", i);
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
        if (block.stage < 1) findings.add("a block's stage is not 1 or more", ": block ", i);
        if (block.after >= 0)
            check_head(header, i, findings);
        else if (block.input_bytes < 0)
            findings.add("a block lacks what it reads", ": block ", i);
        else if (i > 0 && block.input_bytes != header.blocks[i - 1].output_bytes)
            findings.add("a block does not read what the block before it gives", ": block ", i, " reads ",
                         block.input_bytes, " bytes instead of ", header.blocks[i - 1].output_bytes);
    }
}

// When the round after row `i` starts: by its own row, or, in traces of earlier programs, by the next one's; NaN where
// nothing says it.
double next_start(std::vector<RoundRow> const& rows, std::size_t i) {
    if (!std::isnan(rows[i].next_start_s)) return rows[i].next_start_s;
    return i + 1 < rows.size() ? rows[i + 1].start_s : no_value;
}

void check_times(Reader const& trace, std::vector<RoundRow> const& rows, std::size_t i, Findings& findings) {
    auto const& row = rows[i];
    auto const next = next_start(rows, i);
    if (!(row.start_s >= 0 && std::isfinite(row.end_s)))
        findings.add("a round's times are negative, infinite or no numbers", in_round(row));
    if (!(row.start_s <= row.end_s)) findings.add("a round ends before it starts", in_round(row));
    if (trace.has_column<RoundRow>("next_start_s") && !std::isfinite(row.next_start_s))
        findings.add("a round does not say when the next one starts", in_round(row));
    if (i + 1 < rows.size() && next != rows[i + 1].start_s)
        findings.add("a round says that the next one starts at another time than that does", in_round(row), ": at ",
                     next, " s and at ", rows[i + 1].start_s, " s");
    if (!not_after(row.end_s, next) && !std::isnan(next))
        findings.add(i + 1 < rows.size() ? "a round starts before the one before it ends"
                                         : "the next round would start before this one ends",
                     i + 1 < rows.size() ? in_round(rows[i + 1]) : in_round(row));
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

}  // namespace

std::vector<std::string> check(std::string const& path, BasisOf const& basis_of) {
    Reader const trace(path);
    auto const& header = trace.header();
    Findings findings;
    check_ending(trace, findings);
    check_all_units(trace, findings);
    check_header(trace, findings);
    auto const outages = trace.read<OutageRow>();
    check_outages(outages, header.devices.size(), findings);
    auto const off = down_times(outages, header.devices.size());
    auto const rows = trace.read<RoundRow>();
    trace.read<ClockRow>();  // nothing follows from it, but it must be readable
    Ledger ledger(header.devices, outages);
    auto const rules = capacity_rules(header.provenance);
    bool const knows_accuracy = knew_accuracy(trace);
    auto const basis = basis_of ? basis_of(trace) : std::nullopt;
    std::optional<BasisCheck> basis_check;
    if (basis) basis_check.emplace(*basis, header, findings);
    PlannedWork work(header, basis_check ? basis_check->instance() : nullptr);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        RoundId const id(i);
        Round round{rows[i],
                    next_start(rows, i),
                    trace.read<PlanRow>(trace.rows_of<PlanRow>(id)),
                    {},
                    trace.read<RequestRow>(trace.rows_of<RequestRow>(id)),
                    trace.read<Event>(trace.rows_of<Event>(id)),
                    trace.read<BatteryRow>(trace.rows_of<BatteryRow>(id)),
                    trace.read<PriceRow>(trace.rows_of<PriceRow>(id)),
                    trace.read<ExitRow>(trace.rows_of<ExitRow>(id))};
        round.planned = plans_of(round.plans, round.requests.size(), header.devices.size(), header.chain());
        check_times(trace, rows, i, findings);
        check_rates(trace, rows[i], findings);
        check_requests(round, knows_accuracy, findings);
        check_plans(round, header.devices.size(), header.chain(), findings);
        check_exits(round, header, findings);
        check_capacity(round, header, work, rules, findings);
        check_throughput(round, header, basis_check && basis_check->loses_nothing(), findings);
        check_events(round, header, findings);
        bool const undisturbed = std::ranges::none_of(outages, [&](OutageRow const& outage) {
            return outage.begin_s <= rows[i].end_s && !(outage.end_s < rows[i].start_s);
        });
        check_course(round, header, work, off, undisturbed, findings);
        ledger.check(round, findings);
        if (basis_check)
            basis_check->check(round, trace.has_dense_rates() ? trace.rates(id) : std::vector<double>(),
                               trace.has_dense_rates() ? std::vector<UsedLinkRow>()
                                                       : trace.read<UsedLinkRow>(trace.rows_of<UsedLinkRow>(id)));
    }
    return findings.sentences();
}

}  // namespace skipstone::trace
