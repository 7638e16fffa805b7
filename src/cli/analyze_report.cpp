#include "cli/analyze_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "analysis/comparison.hpp"
#include "analysis/device_totals.hpp"
#include "cli/console.hpp"

namespace skipstone::cli {

namespace {

using namespace analysis;

constexpr std::size_t devices_shown = 24, links_shown = 12, blocks_shown = 60, rounds_shown = 20, requests_shown = 5,
                      resources_shown = 12, gains_shown = 8;
constexpr std::size_t labels_width = 13;  // of lines that begin "  latency    "

std::string figure(double value, int digits) {
    if (!std::isfinite(value)) return std::isinf(value) ? "∞" : "–";
    bool const nothing = std::abs(value) < 0.5 * std::pow(10, -digits);  // which must not read "-0.00"
    return fixed(nothing ? 0 : value, digits);
}

std::string share(double value, int digits = 1) {
    return std::isfinite(value) ? figure(100 * value, digits) + " %" : "–";
}

std::string mega(std::int64_t bytes) {
    return fixed(static_cast<double>(bytes) / 1e6, 2);
}

std::string milli(double seconds) {
    return figure(1e3 * seconds, 2);
}

std::string giga(double value, int digits = 3) {
    return figure(value / 1e9, digits);
}

// The rows to show: all in their order, or the `count` largest by a member.
template <class Row, class Value>
std::vector<Row> largest(std::vector<Row> rows, std::size_t count, Value Row::*member) {
    if (rows.size() <= count) return rows;
    auto const middle = rows.begin() + static_cast<std::ptrdiff_t>(count);
    std::ranges::partial_sort(rows, middle, [&](Row const& a, Row const& b) { return a.*member > b.*member; });
    rows.erase(middle, rows.end());
    return rows;
}

std::string cut(std::size_t shown, std::size_t all, std::string const& what) {
    if (shown >= all) return "";
    return wrapped("  " + what + " of " + std::to_string(all) + "; all are in --json and --csv\n");
}

std::string name_of(Analysis const& analysis, std::int32_t device) {
    return device < 0 ? "–" : analysis.devices[static_cast<std::size_t>(device)].name;
}

// The name of the file of powers; where it lies, whoever gave it knows.
std::string powers_name(Analysis const& analysis) {
    return std::filesystem::path(analysis.powers).filename().string();
}

std::string title(Analysis const& analysis) {
    auto const& trace = analysis.trace;
    std::string text = trace.path + ": " + trace.network + ", " + std::to_string(trace.devices) + " devices, planner " +
                       trace.planner + ", seed " + std::to_string(trace.seed) + ", " + trace.clock + " clock" +
                       (trace.clock == "wall" ? " (dilation " + fixed(trace.dilation, 3) + ")" : "") + "; " +
                       std::to_string(trace.rounds) + " rounds, " + fixed(trace.span_s, 3) + " emulated seconds, " +
                       std::to_string(trace.events) + " events" +
                       (trace.failed_events > 0 ? " (" + std::to_string(trace.failed_events) + " failed)" : "") + "\n";
    for (auto const& note : analysis.notes) text += "note: " + note + "\n";
    if (analysis.powers != "trace") text += "note: energies by the powers of " + powers_name(analysis) + "\n";
    return wrapped(text, 4);
}

std::string requests_text(Analysis const& analysis) {
    auto const& r = analysis.requests;
    std::string reasons;
    for (auto const& rejection : analysis.rejections)
        reasons += (reasons.empty() ? " (" : ", ") + (rejection.binding.empty() ? "no reason" : rejection.binding) +
                   " " + std::to_string(rejection.rejected);
    std::string text = "  requests   " + std::to_string(r.requests) + ": " + std::to_string(r.done) + " done, " +
                       std::to_string(r.rejected) + " rejected" + (reasons.empty() ? "" : reasons + ")") + ", " +
                       std::to_string(r.failed) + " failed" +
                       (r.attempts > r.requests ? "; " + std::to_string(r.attempts) + " attempts" : "") + "; " +
                       figure(r.throughput_per_s, 3) + " done per second\n";
    text += "  latency    mean " + figure(r.latency_mean_s, 3) + " s, p50 " + figure(r.latency_p50_s, 3) + ", p90 " +
            figure(r.latency_p90_s, 3) + ", p99 " + figure(r.latency_p99_s, 3) + ", max " + figure(r.latency_max_s, 3) +
            "; mean path: computing " + figure(r.path_compute_mean_s, 3) + ", moving " +
            figure(r.path_transfer_mean_s, 3) + ", waiting " + figure(r.path_queue_mean_s, 3) + "\n";
    text += "  accuracy   planned " + share(r.accuracy_planned, 2);
    if (r.labelled > 0)
        text += "; of " + std::to_string(r.labelled) + " labelled ones planned " +
                share(r.accuracy_planned_labelled, 2) + ", observed " + share(r.accuracy_observed, 2) +
                " (95 %: " + figure(100 * r.accuracy_low, 2) + " to " + share(r.accuracy_high, 2) + ")";
    text += "\n  load       " + giga(static_cast<double>(r.macs)) + " GMAC, " + mega(r.shared_bytes) + " MB shared, " +
            std::to_string(r.dropped_blocks) + " blocks dropped\n";
    return wrapped(text, labels_width);
}

std::string energy_text(Analysis const& analysis) {
    auto const& e = analysis.energy;
    std::string text = "  energy     " + figure(e.energy_j, 2) + " J: computing " + figure(e.compute_j, 2) +
                       ", transmitting " + figure(e.transmit_j, 2) + ", receiving " + figure(e.receive_j, 2) +
                       ", idle " + figure(e.idle_j, 2);
    if (!std::isnan(e.ledger_error)) {
        char error[32];
        std::snprintf(error, sizeof error, "%.1e", e.ledger_error);
        bool const other_powers = analysis.powers != "trace";
        std::string const powers = other_powers ? " with the trace's own powers" : "";
        text += e.ledger_error <= energy_tolerance
                    ? "; events and battery ledger agree" + powers + " (to " + std::string(error) + ")"
                    : "; EVENTS AND BATTERY LEDGER DISAGREE" + powers + " (by " + std::string(error) + ")";
        if (other_powers) text += "; these energies are with the powers of " + powers_name(analysis);
    }
    return wrapped(text + "\n", labels_width);
}

std::string device_times(Analysis const& analysis, std::vector<DeviceFigures> const& devices) {
    bool const any_off = std::ranges::any_of(analysis.devices, [](DeviceFigures const& device) {
        return device.processor_off_s > 0 || device.radio_off_s > 0;
    });
    std::vector<TextTable::Column> columns = {
        {"device", Align::left}, {"compute/s"}, {"share"},       {"wait/s"}, {"idle/s"},
        {"transmit/s"},          {"receive/s"}, {"radio idle/s"}};
    if (any_off) columns.push_back({"off/s"});
    TextTable table(columns);
    for (auto const& d : devices) {
        std::vector<std::string> cells = {d.name,
                                          fixed(d.processor_compute_s, 3),
                                          share(d.processor_compute_s / analysis.trace.span_s),
                                          fixed(d.processor_wait_s, 3),
                                          fixed(d.processor_idle_s, 3),
                                          fixed(d.radio_transmit_s, 3),
                                          fixed(d.radio_receive_s, 3),
                                          fixed(d.radio_idle_s, 3)};
        if (any_off) cells.push_back(fixed(d.processor_off_s, 3));
        table.add(cells);
    }
    return wrapped("\ndevices: time (processor: compute + wait + idle; radio: transmit + receive + idle)\n") +
           table.text();
}

std::string device_energies(Analysis const& analysis, std::vector<DeviceFigures> const& devices) {
    bool const wall = analysis.trace.clock == "wall";
    std::vector<TextTable::Column> columns = {{"device", Align::left},
                                              {"compute/J"},
                                              {"transmit/J"},
                                              {"receive/J"},
                                              {"idle/J"},
                                              {"energy/J"},
                                              {"left/J"},
                                              {"blocks"},
                                              {"sent/MB"},
                                              {"received/MB"},
                                              {"GMAC"},
                                              {"GMAC/s set"},
                                              {"achieved"}};
    if (wall) columns.push_back({"on host"});
    TextTable table(columns);
    for (auto const& d : devices) {
        std::vector<std::string> cells = {d.name,
                                          fixed(d.compute_j, 2),
                                          fixed(d.transmit_j, 2),
                                          fixed(d.receive_j, 2),
                                          fixed(d.idle_j, 2),
                                          fixed(d.energy_j, 2),
                                          figure(d.battery_left_j, 2),
                                          std::to_string(d.blocks_run),
                                          mega(d.sent_bytes),
                                          mega(d.received_bytes),
                                          giga(static_cast<double>(d.macs)),
                                          giga(d.mac_rate),
                                          giga(d.achieved_mac_rate)};
        if (wall) cells.push_back(giga(d.host_mac_rate));
        table.add(cells);
    }
    return "\ndevices: energy and work\n" + table.text();
}

std::string devices_text(Analysis const& analysis) {
    auto const devices = largest(analysis.devices, devices_shown, &DeviceFigures::energy_j);
    auto const note = cut(devices.size(), analysis.devices.size(),
                          "the " + std::to_string(devices.size()) + " that spent most energy,");
    return device_times(analysis, devices) + note + device_energies(analysis, devices) + note;
}

std::string links_text(Analysis const& analysis) {
    if (analysis.links.empty()) return "";
    TextTable table({{"from", Align::left},
                     {"to", Align::left},
                     {"transfers"},
                     {"MB"},
                     {"used"},
                     {"Mbit/s"},
                     {"queue/ms"},
                     {"max/ms"},
                     {"planned/ms"},
                     {"emulated/ms"}},
                    2);
    auto const links = largest(analysis.links, links_shown, &LinkFigures::bytes);
    for (auto const& l : links)
        table.add({name_of(analysis, l.device), name_of(analysis, l.peer), std::to_string(l.transfers), mega(l.bytes),
                   share(l.utilisation, 2), figure(l.rate_bit_s / 1e6, 2), milli(l.queue_mean_s), milli(l.queue_max_s),
                   milli(l.planned_mean_s), milli(l.emulated_mean_s)});
    return "\nlinks\n" + table.text() +
           cut(links.size(), analysis.links.size(), "the " + std::to_string(links.size()) + " that carried most,");
}

std::string blocks_text(Analysis const& analysis) {
    TextTable table({{"block", Align::left},
                     {"runs"},
                     {"dropped"},
                     {"share"},
                     {"compute/s"},
                     {"mean/ms"},
                     {"queue/ms"},
                     {"planned/ms"},
                     {"emulated/ms"},
                     {"moved"},
                     {"MB"},
                     {"energy/J"}});
    auto const blocks = largest(analysis.blocks, blocks_shown, &BlockFigures::energy_j);
    for (auto const& b : blocks)
        table.add({b.name, std::to_string(b.runs), std::to_string(b.dropped), share(b.dropped_share),
                   fixed(b.compute_s, 3), milli(b.compute_mean_s), milli(b.queue_mean_s), milli(b.planned_mean_s),
                   milli(b.emulated_mean_s), std::to_string(b.transfers), mega(b.bytes), fixed(b.energy_j, 2)});
    return "\nblocks\n" + table.text() +
           cut(blocks.size(), analysis.blocks.size(),
               "the " + std::to_string(blocks.size()) + " that cost most energy,");
}

std::string rounds_text(Analysis const& analysis) {
    TextTable table({{"round"},
                     {"start/s"},
                     {"length/s"},
                     {"done"},
                     {"dropped"},
                     {"latency/s"},
                     {"accuracy"},
                     {"objective"},
                     {"bound"},
                     {"gap"},
                     {"plan/ms"},
                     {"energy/J"},
                     {"lowest/J"},
                     {"of", Align::left},
                     {"binding", Align::left}});
    for (auto const& r : analysis.rounds)
        table.add({std::to_string(r.round), fixed(r.start_s, 3), fixed(r.length_s, 3),
                   std::to_string(r.done) + "/" + std::to_string(r.requests), std::to_string(r.dropped_blocks),
                   figure(r.latency_mean_s, 3), share(r.accuracy_mean, 2), figure(r.objective, 4), figure(r.bound, 4),
                   share(r.gap, 2), milli(r.plan_host_s), fixed(r.energy_j, 2), figure(r.lowest_battery_j, 2),
                   name_of(analysis, r.lowest_device), r.binding});
    return "\nrounds\n" + table.text(rounds_shown, "all are in --json and --csv");
}

std::string paths_text(Analysis const& analysis) {
    std::vector<RequestFigures> done;
    std::ranges::copy_if(analysis.request_paths, std::back_inserter(done),
                         [](RequestFigures const& r) { return r.status == trace::RequestStatus::done; });
    if (done.empty()) return "";
    TextTable table({{"round"},
                     {"request"},
                     {"latency/s"},
                     {"planned/s"},
                     {"computing/s"},
                     {"moving/s"},
                     {"waiting/s"},
                     {"to start"},
                     {"processor"},
                     {"link"},
                     {"hops"},
                     {"dropped"},
                     {"energy/J"}},
                    2);
    auto const count = done.size();
    done = largest(std::move(done), requests_shown, &RequestFigures::latency_s);
    for (auto const& r : done)
        table.add({std::to_string(r.round), std::to_string(r.request), fixed(r.latency_s, 3),
                   figure(r.predicted_latency_s, 3), fixed(r.compute_s, 3), fixed(r.transfer_s, 3), fixed(r.queue_s, 3),
                   fixed(r.queue_start_s, 3), fixed(r.queue_processor_s, 3), fixed(r.queue_link_s, 3),
                   std::to_string(r.hops), std::to_string(r.dropped_blocks), fixed(r.energy_j, 2)});
    return "\nrequests: where the time went\n" + table.text() +
           cut(done.size(), count, "the " + std::to_string(done.size()) + " slowest");
}

std::string deviations_text(Analysis const& analysis) {
    TextTable table({{"planned against emulated", Align::left},
                     {"count"},
                     {"planned"},
                     {"emulated"},
                     {"bias"},
                     {"of planned"},
                     {"p50"},
                     {"p99"},
                     {"max"}});
    for (auto const& d : analysis.deviations) {
        bool const time = d.quantity == "latency_s";
        auto const cell = [&](double value) { return figure(time ? 1e3 * value : value, time ? 2 : 4); };
        table.add({d.level + (time ? ": latency/ms" : ": energy/J"), std::to_string(d.count), cell(d.planned_mean),
                   cell(d.emulated_mean), cell(d.bias), share(d.relative_bias, 2), cell(d.p50), cell(d.p99),
                   cell(d.max)});
    }
    return "\n" + table.text();
}

std::string fidelity_text(Analysis const& analysis) {
    auto const& f = analysis.fidelity;
    if (f.events == 0) return "";
    std::string text = "\nfidelity: " + std::to_string(f.overruns) + " of " + std::to_string(f.events) + " events (" +
                       share(f.overrun_share, 2) + ") late by more than 1 %; lateness mean " +
                       share(f.lateness_mean, 4) + ", p50 " + share(f.lateness_p50, 4) + ", p90 " +
                       share(f.lateness_p90, 4) + ", p99 " + share(f.lateness_p99, 3) + ", max " +
                       share(f.lateness_max, 2) + "; clocks agree to " + figure(1e6 * f.clock_uncertainty_s, 1) +
                       " µs" + (f.faithful() ? "" : "; NOT FAITHFUL, do not trust these times") + "\n";
    text = wrapped(text);
    TextTable table({{"", Align::left},
                     {"count"},
                     {"requested/ms"},
                     {"achieved/ms"},
                     {"requested rate"},
                     {"achieved rate"},
                     {"", Align::left},
                     {"error p50"},
                     {"p99"},
                     {"max"}});
    for (auto const& a : analysis.achievements) {
        bool const rate = !a.rate_unit.empty(), macs = a.rate_unit == "MAC/s";
        double const scale = macs ? 1e9 : 1e6;
        table.add({a.kind, std::to_string(a.count), milli(a.requested_mean_s), milli(a.achieved_mean_s),
                   figure(a.requested_rate / scale, 4), figure(a.achieved_rate / scale, 4),
                   rate ? (macs ? "G" : "M") + a.rate_unit : "", share(a.error_p50, 4), share(a.error_p99, 3),
                   share(a.error_max, 2)});
    }
    return text + table.text();
}

std::string number(double value) {
    if (std::isnan(value)) return "–";
    char text[32];
    std::snprintf(text, sizeof text, value == std::floor(value) && std::abs(value) < 1e15 ? "%.0f" : "%.6g", value);
    return text;
}

std::string stages_text(Analysis const& analysis) {
    TextTable table(
        {{"stage"}, {"blocks", Align::left}, {"on", Align::left}, {"split", Align::left}, {"a request/ms"}, {"busy"}});
    for (auto const& s : analysis.stages)
        table.add({std::to_string(s.stage), s.blocks, s.on, s.split, milli(s.per_request_s), share(s.share)});
    return "\nstages\n" + table.text();
}

std::string resources_text(Analysis const& analysis) {
    auto shown = analysis.resources;
    if (shown.size() > resources_shown) shown.resize(resources_shown);
    TextTable table({{"resource", Align::left}, {"of", Align::left}, {"a request/ms"}, {"busy"}}, 2);
    for (auto const& r : shown) table.add({r.resource, r.name, milli(r.per_request_s), share(r.share)});
    return "\nwhat the stream keeps busy\n" + table.text() +
           cut(shown.size(), analysis.resources.size(), "the " + std::to_string(shown.size()) + " busiest");
}

std::string gains_text(Analysis const& analysis) {
    if (analysis.gains.empty()) return "";
    auto const gains = largest(analysis.gains, gains_shown, &GainFigures::gain_per_s);
    TextTable table(
        {{"one more device like", Align::left}, {"bound +/s"}, {"processor"}, {"memory"}, {"radio"}, {"links"}});
    for (auto const& g : gains)
        table.add({g.name, figure(g.gain_per_s, 4), figure(g.processor_per_s, 4), figure(g.memory_per_s, 4),
                   figure(g.radio_per_s, 4), figure(g.links_per_s, 4)});
    return "\nwhat it would add to the bound, at most\n" + table.text() +
           cut(gains.size(), analysis.gains.size(), "the " + std::to_string(gains.size()) + " that would add most,");
}

// "12.3 to 14.5 %".
std::string interval(double low, double high) {
    return std::isfinite(low) ? figure(100 * low, 2) + " to " + share(high, 2) : "–";
}

std::string exits_text(Analysis const& analysis) {
    if (analysis.leaving.empty()) return "";
    auto const& l = analysis.leaving.front();
    std::string text = "\nexits: " + std::to_string(l.left_early) + " of " + std::to_string(l.done) +
                       " requests left early (" + share(l.early_share, 2) + ")";
    if (std::isfinite(l.accuracy_promised)) text += "; accuracy promised " + share(l.accuracy_promised, 2);
    if (l.labelled > 0)
        text += "; of " + std::to_string(l.labelled) + " labelled ones observed " + share(l.accuracy_observed, 2) +
                " (95 %: " + interval(l.accuracy_low, l.accuracy_high) + ")";
    text += "; a request takes " + figure(l.macs_mean / 1e6, 3) + " MMAC, " + figure(l.energy_mean_j, 4) + " J and " +
            milli(l.way_mean_s) + " ms without queues";
    if (std::isfinite(l.macs_saved))
        text += "; leaving saves " + share(l.macs_saved, 2) + " of the MACs that the whole network takes";
    if (std::isfinite(l.energy_saved))
        text += ", " + share(l.energy_saved, 2) + " of its energy, " + share(l.way_saved, 2) + " of its time";
    TextTable table({{"exit", Align::left},
                     {"threshold"},
                     {"reached"},
                     {"left"},
                     {"share"},
                     {"95 %"},
                     {"expected"},
                     {"accuracy"},
                     {"of all there"},
                     {"confidence"},
                     {"stayed"},
                     {"latency/ms"},
                     {"energy/J"},
                     {"MMAC"}});
    for (auto const& e : analysis.exits)
        table.add({e.name, std::isfinite(e.threshold) ? number(e.threshold) : "–", std::to_string(e.reached),
                   std::to_string(e.left), share(e.left_share, 2), interval(e.left_low, e.left_high),
                   share(e.expected_left, 2), share(e.accuracy, 2), share(e.head_accuracy, 2),
                   figure(e.confidence_mean, 4), figure(e.confidence_stayed_mean, 4), milli(e.latency_mean_s),
                   figure(e.energy_mean_j, 4), figure(e.macs_mean / 1e6, 3)});
    return wrapped(text + "\n") + "\nwho left where\n" + table.text();
}

std::string stream_text(Analysis const& analysis) {
    if (analysis.stream.empty()) return "";
    auto const& s = analysis.stream.front();
    std::string text = "\nstream: ";
    if (s.counted > 0) {
        text += figure(s.throughput_per_s, 4) + " requests/s in the steady state";
        if (s.batches > 0) text += " (± " + figure(s.throughput_error_per_s, 4) + ")";
        text += ", " + std::to_string(s.counted) + " of " + std::to_string(s.done) + " requests; one every " +
                milli(s.period_s) + " ms";
        if (std::isfinite(s.planned_per_s)) text += "; planned " + figure(s.planned_per_s, 4) + "/s";
        if (std::isfinite(s.bound_per_s)) text += "; bound " + figure(s.bound_per_s, 4) + "/s, gap " + share(s.gap, 2);
        text += "; latency " + figure(s.latency_mean_s, 3) + " s, p50 " + figure(s.latency_p50_s, 3) + ", p90 " +
                figure(s.latency_p90_s, 3) + ", p99 " + figure(s.latency_p99_s, 3);
    } else {
        text += "no steady state: " + std::to_string(s.done) +
                " requests are too few, the last began before the first "
                "was done";
    }
    if (!s.bottleneck.empty())
        text += "; bottleneck " + s.bottleneck + ": " + milli(s.bottleneck_s) + " ms a request, " +
                share(s.bottleneck_share) + " busy";
    return wrapped(text + "\n") + stages_text(analysis) + resources_text(analysis) + gains_text(analysis);
}

}  // namespace

std::string analysis_text(Analysis const& analysis) {
    return title(analysis) + "\n" + requests_text(analysis) + energy_text(analysis) + exits_text(analysis) +
           stream_text(analysis) + devices_text(analysis) + links_text(analysis) + blocks_text(analysis) + rounds_text(analysis) +
           paths_text(analysis) + deviations_text(analysis) + fidelity_text(analysis);
}

std::string comparison_text(std::vector<Analysis> const& analyses) {
    std::string text;
    std::vector<TextTable::Column> columns = {{"figure", Align::left}};
    for (std::size_t i = 0; i < analyses.size(); ++i) {
        auto const label = "[" + std::to_string(i + 1) + "]";
        text += label + " " + title(analyses[i]);
        columns.push_back({label});
        if (i > 0) columns.push_back({"− [1]"});
        if (i > 0) columns.push_back({"%"});
    }
    TextTable table(columns);
    for (auto const& row : compare(analyses)) {
        std::vector<std::string> cells = {row.figure};
        for (std::size_t i = 0; i < analyses.size(); ++i) {
            cells.push_back(number(row.values[i]));
            if (i > 0) cells.push_back(number(row.differences[i]));
            if (i > 0) cells.push_back(figure(100 * row.relative[i], 2));
        }
        table.add(cells);
    }
    return text + "\n" + table.text();
}

}  // namespace skipstone::cli
