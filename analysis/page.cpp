#include "analysis/page.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analysis/fields.hpp"
#include "analysis/page_text.hpp"
#include "units/error.hpp"

namespace skipstone::analysis {

namespace {

using Json = nlohmann::json;

constexpr int latency_bins = 40;
constexpr std::int32_t most_battery_rounds = 400;

Json object_of(auto const& row) {
    auto object = Json::object();
    fields(row, [&](std::string_view name, auto const& value) { object[std::string(name)] = value; });
    return object;
}

template <class Row>
Json objects_of(std::vector<Row> const& rows) {
    auto objects = Json::array();
    for (auto const& row : rows) objects.push_back(object_of(row));
    return objects;
}

// The rounds whose events, plans and requests the page holds: as many as options.most_rows allow.
std::set<std::int32_t> choose(Analysis const& analysis, trace::Reader const& trace, PageOptions const& options) {
    auto const committed = trace.committed_rounds();
    auto const rounds = static_cast<std::uint64_t>(committed);
    std::set<std::int32_t> shown;
    if (rounds + trace.rows<Event>() + trace.rows<trace::RequestRow>() <= options.most_rows) {
        for (std::int32_t round = 0; round < committed; ++round) shown.insert(round);
        return shown;
    }
    std::uint64_t rows = 0;
    auto const take = [&](std::int32_t round) {
        auto const more =
            1 + trace.rows_of<Event>(RoundId(round)).count + trace.rows_of<trace::RequestRow>(RoundId(round)).count;
        if (shown.contains(round) || (!shown.empty() && rows + more > options.most_rows)) return;
        shown.insert(round);
        rows += more;
    };
    take(0);
    take(committed - 1);
    std::vector<std::pair<double, std::int32_t>> slowest;
    for (auto const& round : analysis.rounds)
        if (!std::isnan(round.latency_mean_s)) slowest.emplace_back(-round.latency_mean_s, round.round);
    std::ranges::sort(slowest);
    constexpr std::size_t most_rounds = 200;
    for (std::size_t i = 0; i < std::min(slowest.size(), most_rounds); ++i) take(slowest[i].second);
    return shown;
}

// The rows of these rounds, at most so many; neighbouring rounds are read together.
template <class Row>
std::vector<Row> rows_in(trace::Reader const& trace, std::set<std::int32_t> const& rounds, std::uint64_t most) {
    std::vector<Row> rows;
    for (auto round = rounds.begin(); round != rounds.end();) {
        auto range = trace.rows_of<Row>(RoundId(*round));
        auto last = *round;
        for (++round; round != rounds.end() && *round == last + 1; ++round) ++last;
        auto const end = trace.rows_of<Row>(RoundId(last));
        range.count = std::min(end.first + end.count - range.first, most - rows.size());
        auto const read = trace.read<Row>(range);
        rows.insert(rows.end(), read.begin(), read.end());
    }
    return rows;
}

// A table by columns: shorter than objects.
Json events_of(std::vector<Event> const& events) {
    auto const column = [&](auto Event::*member) {
        auto values = Json::array();
        for (auto const& event : events) values.push_back(event.*member);
        return values;
    };
    return {
        {"device", column(&Event::device)},   {"peer", column(&Event::peer)},       {"round", column(&Event::round)},
        {"request", column(&Event::request)}, {"block", column(&Event::block)},     {"kind", column(&Event::kind)},
        {"flags", column(&Event::flags)},     {"begin_s", column(&Event::begin_s)}, {"end_s", column(&Event::end_s)},
        {"bytes", column(&Event::bytes)},     {"macs", column(&Event::macs)},       {"part", column(&Event::part)}};
}

// One object per request of the shown rounds, with the last revision of its plan: per block the device (−1: none) and
// the mode; without a plan, rejected, null.
Json requests_of(Analysis const& analysis, trace::Reader const& trace, std::set<std::int32_t> const& shown,
                 std::uint64_t most) {
    using Key = std::pair<std::int32_t, std::int32_t>;  // round, request
    std::map<Key, RequestFigures const*> paths;
    for (auto const& path : analysis.request_paths)
        if (shown.contains(path.round)) paths[{path.round, path.request}] = &path;
    struct Plan {
        std::vector<std::int32_t> devices, modes;  // per block
        Json parts = Json::object();               // of a block in parts, by its number: their devices
    };
    std::map<Key, Plan> plans;
    auto const blocks = trace.header().chain();
    for (auto const& row : rows_in<trace::PlanRow>(trace, shown, trace.rows<trace::PlanRow>())) {
        auto& [devices, modes, parts] = plans[{row.round, row.request}];
        devices.resize(blocks, -1);
        modes.resize(blocks, 0);
        auto const block = static_cast<std::size_t>(row.block);
        auto const name = std::to_string(row.block);
        if (row.part > 0) {
            parts[name].push_back(row.device);
            continue;
        }
        if (row.part == 0) {
            parts[name] = Json::array({row.device});
            continue;
        }
        if (row.parts < 2) parts.erase(name);  // a later revision has the block whole
        devices.at(block) = row.device;
        modes.at(block) = static_cast<std::int32_t>(row.mode);
    }
    auto requests = Json::array();
    for (auto const& row : rows_in<trace::RequestRow>(trace, shown, most)) {
        Json request{{"round", row.round},
                     {"request", row.request},
                     {"status", to_string(row.status)},
                     {"arrival_s", row.arrival_s},
                     {"latency_s", row.latency_s},
                     {"predicted_latency_s", row.predicted_latency_s},
                     {"accuracy", row.accuracy},
                     {"exit", row.exit},
                     {"confidence", row.confidence},
                     {"verdict", row.verdict},
                     {"label", row.label},
                     {"devices", nullptr},
                     {"modes", nullptr}};
        if (auto const plan = plans.find({row.round, row.request}); plan != plans.end()) {
            request["devices"] = plan->second.devices;
            request["modes"] = plan->second.modes;
            request["parts"] = plan->second.parts;
        }
        if (auto const path = paths.find({row.round, row.request}); path != paths.end()) {
            request["compute_s"] = path->second->compute_s;
            request["transfer_s"] = path->second->transfer_s;
            request["queue_s"] = path->second->queue_s;
            request["energy_j"] = path->second->energy_j;
        }
        requests.push_back(std::move(request));
    }
    return requests;
}

// A width of 1, 2 or 5 · 10^k of which about `bins` cover the span.
double bin_width(double span, int bins) {
    double const rough = std::max(span / bins, 1e-9);
    double const power = std::pow(10, std::floor(std::log10(rough)));
    for (double const factor : {1.0, 2.0, 5.0})
        if (factor * power >= rough) return factor * power;
    return 10 * power;
}

// Calls visit with every request that was done.
void for_each_done(trace::Reader const& trace, auto&& visit) {
    trace.for_each_batch<trace::RequestRow>(16384, [&](std::span<trace::RequestRow const> rows) {
        for (auto const& row : rows)
            if (row.status == trace::RequestStatus::done) visit(row);
    });
}

// Counts of requests by latency, and by latency and accuracy; null when none is done.
Json latencies_of(trace::Reader const& trace) {
    double lowest = none, highest = none;
    for_each_done(trace, [&](trace::RequestRow const& row) {
        lowest = std::fmin(lowest, row.latency_s);
        highest = std::fmax(highest, row.latency_s);
    });
    if (std::isnan(lowest)) return nullptr;
    double const width = bin_width(highest - lowest, latency_bins);
    auto const first = std::floor(lowest / width);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(std::floor(highest / width) - first) + 1, 0);
    std::map<std::pair<double, std::size_t>, std::pair<std::int64_t, double>> dots;  // count, sum of latencies
    for_each_done(trace, [&](trace::RequestRow const& row) {
        auto const bin = static_cast<std::size_t>(std::floor(row.latency_s / width) - first);
        ++counts.at(bin);
        if (std::isnan(row.accuracy)) return;
        auto& [count, total] = dots[{row.accuracy, bin}];
        ++count;
        total += row.latency_s;
    });
    auto accuracy = Json::array();
    for (auto const& [place, sums] : dots)
        accuracy.push_back({{"accuracy", place.first},
                            {"latency_s", sums.second / static_cast<double>(sums.first)},
                            {"requests", sums.first}});
    return {{"from_s", first * width}, {"width_s", width}, {"counts", counts}, {"accuracy", accuracy}};
}

// What is left in the batteries that are not endless, at the run's start (round −1) and after rounds.
Json batteries_of(trace::Reader const& trace) {
    std::map<std::int32_t, std::vector<double>> left;
    std::vector<std::int32_t> rounds{-1};
    for (auto const& device : trace.header().devices)
        if (std::isfinite(device.battery_j)) left[device.device] = {device.battery_j};
    auto const committed = trace.committed_rounds();
    auto const step = (committed + most_battery_rounds - 1) / most_battery_rounds;
    for (std::int32_t round = 0; round < committed && !left.empty(); ++round) {
        if (round % step != 0 && round + 1 != committed) continue;
        rounds.push_back(round);
        for (auto const& row : trace.read<trace::BatteryRow>(trace.rows_of<trace::BatteryRow>(RoundId(round))))
            if (auto const line = left.find(row.device); line != left.end()) line->second.push_back(row.remaining_j);
    }
    auto devices = Json::array();
    for (auto const& [device, joules] : left) devices.push_back({{"device", device}, {"left_j", joules}});
    return {{"rounds", rounds}, {"step", step}, {"devices", devices}};
}

std::vector<std::string> block_names(trace::Reader const& trace) {
    std::vector<std::string> names;
    for (auto const& block : trace.header().blocks) names.push_back(block.name.str());
    return names;
}

std::vector<std::int32_t> block_stages(trace::Reader const& trace) {
    std::vector<std::int32_t> stages;
    for (auto const& block : trace.header().blocks) stages.push_back(block.stage);
    return stages;
}

// Of the head of an exit, the block that it stands behind; −1: of a block.
std::vector<std::int32_t> after_of(trace::Reader const& trace) {
    std::vector<std::int32_t> after;
    for (auto const& block : trace.header().blocks) after.push_back(block.after);
    return after;
}

Json outages_of(trace::Reader const& trace) {
    auto outages = Json::array();
    for (auto const& row : trace.read<trace::OutageRow>())
        outages.push_back({{"begin_s", row.begin_s},
                           {"end_s", row.end_s},
                           {"device", row.device},
                           {"peer", row.peer},
                           {"cause", row.cause.str()}});
    return outages;
}

Json rounds_of(trace::Reader const& trace, std::set<std::int32_t> const& shown) {
    auto rounds = Json::array();
    for (auto const& row : trace.read<trace::RoundRow>())
        if (shown.contains(row.round))
            rounds.push_back({{"round", row.round}, {"start_s", row.start_s}, {"end_s", row.end_s}});
    return rounds;
}

}  // namespace

void write_page(std::ostream& out, Analysis const& analysis, trace::Reader const& trace, PageOptions const& options) {
    auto const shown = choose(analysis, trace, options);
    auto const events = rows_in<Event>(trace, shown, options.most_rows);
    Json const data{{"trace", object_of(analysis.trace)},
                    {"powers", analysis.powers},
                    {"notes", analysis.notes},
                    {"totals", object_of(analysis.requests)},
                    {"energy", object_of(analysis.energy)},
                    {"rejections", objects_of(analysis.rejections)},
                    {"devices", objects_of(analysis.devices)},
                    {"blocks", block_names(trace)},
                    {"stages", block_stages(trace)},
                    {"deviations", objects_of(analysis.deviations)},
                    {"after", after_of(trace)},
                    {"chain", trace.header().chain()},
                    {"leaving", objects_of(analysis.leaving)},
                    {"exits", objects_of(analysis.exits)},
                    {"stream", objects_of(analysis.stream)},
                    {"stages_of_stream", objects_of(analysis.stages)},
                    {"resources", objects_of(analysis.resources)},
                    {"gains", objects_of(analysis.gains)},
                    {"fidelity", object_of(analysis.fidelity)},
                    {"rounds", rounds_of(trace, shown)},
                    {"events", events_of(events)},
                    {"requests", requests_of(analysis, trace, shown, options.most_rows)},
                    {"latencies", latencies_of(trace)},
                    {"batteries", batteries_of(trace)},
                    {"outages", outages_of(trace)}};
    auto const page = page_text();
    auto const mark = page.find(data_mark);
    SKIPSTONE_ENSURE(mark != std::string_view::npos);
    // A "<" occurs in JSON within strings alone, and there it may be written by its number: no text from the trace can
    // end the element that holds it.
    out << page.substr(0, mark);
    for (char const c : data.dump(-1, ' ', false, Json::error_handler_t::replace))
        if (c == '<')
            out << "\\u003c";
        else
            out << c;
    out << page.substr(mark + data_mark.size());
}

}  // namespace skipstone::analysis
