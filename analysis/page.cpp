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

// The rounds whose events the page holds, in their order, and how many events those are.
struct Shown {
    std::set<std::int32_t> rounds;
    std::uint64_t events = 0;
};

Shown choose(Analysis const& analysis, trace::Reader const& trace, std::uint64_t most_events) {
    Shown shown;
    auto const take = [&](std::int32_t round) {
        auto const events = trace.rows_of<Event>(RoundId(round)).count;
        if (shown.rounds.contains(round)) return;
        if (shown.rounds.empty() || shown.events + events <= most_events) {
            shown.rounds.insert(round);
            shown.events += std::min(events, most_events);
        }
    };
    auto const rounds = trace.committed_rounds();
    if (trace.rows<Event>() <= most_events) {
        for (std::int32_t round = 0; round < rounds; ++round) take(round);
        return shown;
    }
    take(0);
    take(rounds - 1);
    std::vector<std::pair<double, std::int32_t>> slowest;
    for (auto const& round : analysis.rounds)
        if (!std::isnan(round.latency_mean_s)) slowest.emplace_back(-round.latency_mean_s, round.round);
    std::ranges::sort(slowest);
    // Rounds are of a size: no search for small ones that would still fit.
    constexpr std::size_t enough = 200;
    for (std::size_t i = 0; i < std::min(slowest.size(), enough); ++i) take(slowest[i].second);
    return shown;
}

// A table by columns: shorter than objects.
Json events_of(trace::Reader const& trace, Shown const& shown) {
    std::vector<std::int32_t> device, peer, round, request, block, kind, flags;
    std::vector<double> begin, end;
    std::vector<std::int64_t> bytes, macs;
    for (auto const chosen : shown.rounds) {
        auto range = trace.rows_of<Event>(RoundId(chosen));
        range.count = std::min(range.count, shown.events);
        for (auto const& event : trace.read<Event>(range)) {
            device.push_back(event.device);
            peer.push_back(event.peer);
            round.push_back(event.round);
            request.push_back(event.request);
            block.push_back(event.block);
            kind.push_back(static_cast<std::int32_t>(event.kind));
            flags.push_back(event.flags);
            begin.push_back(event.begin_s);
            end.push_back(event.end_s);
            bytes.push_back(event.bytes);
            macs.push_back(event.macs);
        }
    }
    return {{"device", device}, {"peer", peer},   {"round", round}, {"request", request},
            {"block", block},   {"kind", kind},   {"flags", flags}, {"begin_s", begin},
            {"end_s", end},     {"bytes", bytes}, {"macs", macs}};
}

// One object per request of the shown rounds, with the last revision of its plan: per block the device (−1: none) and
// the mode; without a plan, rejected, null.
Json requests_of(Analysis const& analysis, trace::Reader const& trace, Shown const& shown) {
    std::map<std::pair<std::int32_t, std::int32_t>, RequestFigures const*> paths;
    for (auto const& path : analysis.request_paths)
        if (shown.rounds.contains(path.round)) paths[{path.round, path.request}] = &path;
    auto requests = Json::array();
    auto const blocks = trace.header().blocks.size();
    for (auto const round : shown.rounds) {
        std::map<std::int32_t, std::pair<std::vector<std::int32_t>, std::vector<std::int32_t>>> plans;
        for (auto const& row : trace.read<trace::PlanRow>(trace.rows_of<trace::PlanRow>(RoundId(round)))) {
            auto& [devices, modes] = plans[row.request];
            devices.resize(blocks, -1);
            modes.resize(blocks, 0);
            auto const block = static_cast<std::size_t>(row.block);
            devices.at(block) = row.device;
            modes.at(block) = static_cast<std::int32_t>(row.mode);
        }
        for (auto const& row : trace.read<trace::RequestRow>(trace.rows_of<trace::RequestRow>(RoundId(round)))) {
            Json request{{"round", row.round},
                         {"request", row.request},
                         {"status", to_string(row.status)},
                         {"arrival_s", row.arrival_s},
                         {"latency_s", row.latency_s},
                         {"predicted_latency_s", row.predicted_latency_s},
                         {"accuracy", row.accuracy},
                         {"shared_bytes", row.shared_bytes},
                         {"devices", nullptr},
                         {"modes", nullptr}};
            if (auto const plan = plans.find(row.request); plan != plans.end())
                std::tie(request["devices"], request["modes"]) = plan->second;
            if (auto const path = paths.find({row.round, row.request}); path != paths.end()) {
                request["compute_s"] = path->second->compute_s;
                request["transfer_s"] = path->second->transfer_s;
                request["queue_s"] = path->second->queue_s;
                request["energy_j"] = path->second->energy_j;
            }
            requests.push_back(std::move(request));
        }
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

Json rounds_of(trace::Reader const& trace, Shown const& shown) {
    auto rounds = Json::array();
    for (auto const round : shown.rounds) {
        auto const row = trace.read<trace::RoundRow>({static_cast<std::uint64_t>(round), 1}).front();
        rounds.push_back({{"round", round},
                          {"start_s", row.start_s},
                          {"end_s", row.end_s},
                          {"requests", row.requests},
                          {"admitted", row.admitted},
                          {"binding", row.binding.str()}});
    }
    return rounds;
}

}  // namespace

void write_page(std::ostream& out, Analysis const& analysis, trace::Reader const& trace, PageOptions const& options) {
    auto const shown = choose(analysis, trace, options.most_events);
    Json const data{{"trace", object_of(analysis.trace)},
                    {"powers", analysis.powers},
                    {"notes", analysis.notes},
                    {"totals", object_of(analysis.requests)},
                    {"energy", object_of(analysis.energy)},
                    {"rejections", objects_of(analysis.rejections)},
                    {"devices", objects_of(analysis.devices)},
                    {"blocks", block_names(trace)},
                    {"deviations", objects_of(analysis.deviations)},
                    {"fidelity", object_of(analysis.fidelity)},
                    {"shown_events", shown.events},
                    {"rounds", rounds_of(trace, shown)},
                    {"events", events_of(trace, shown)},
                    {"requests", requests_of(analysis, trace, shown)},
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
