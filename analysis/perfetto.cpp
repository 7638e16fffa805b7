#include "analysis/perfetto.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "analysis/round_stream.hpp"
#include "analysis/summary.hpp"
#include "model/event.hpp"
#include "units/error.hpp"

namespace skipstone::analysis {

namespace {

using Nanoseconds = std::int64_t;

// The format's unit, without rounding.
std::string microseconds(Nanoseconds time) {
    char text[32];
    std::snprintf(text, sizeof text, "%s%lld.%03lld", time < 0 ? "-" : "", std::llabs(time) / 1000,
                  std::llabs(time) % 1000);
    return text;
}

std::string quoted(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// A JSON object, member by member.
class Object {
  public:
    Object& text(std::string_view key, std::string_view value) { return raw(key, quoted(value)); }
    Object& raw(std::string_view key, std::string_view value) {
        json_ += (json_.size() == 1 ? "\"" : ",\"") + std::string(key) + "\":" + std::string(value);
        return *this;
    }
    Object& integer(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }
    Object& number(std::string_view key, double value) { return raw(key, nlohmann::json(value).dump()); }
    Object& time(std::string_view key, Nanoseconds value) { return raw(key, microseconds(value)); }
    std::string json() const { return json_ + "}"; }

  private:
    std::string json_ = "{";
};

struct Track {
    std::int32_t process = 0, thread = 0;
};

// Tracks of one name in a process. Slices of a track must not overlap: where they do, there are more tracks.
class Tracks {
  public:
    Tracks(std::int32_t process, std::int32_t first_thread, std::string name)
        : process_(process), first_thread_(first_thread), name_(std::move(name)) {}

    // The track for a slice; slices come in the order of their begin, which is moved by a nanosecond where rounding
    // would let it overlap. announce: told of a track that is new, with its name.
    Track place(Nanoseconds& begin, Nanoseconds end, auto const& announce) {
        std::size_t lane = 0;
        while (lane < ends_.size() && begin + 1 < ends_[lane]) ++lane;
        Track const track{process_, first_thread_ + static_cast<std::int32_t>(lane)};
        if (lane == ends_.size()) {
            announce(track, lane == 0 ? name_ : name_ + " (" + std::to_string(lane + 1) + ")");
            ends_.push_back(begin);
        }
        begin = std::max(begin, ends_[lane]);
        ends_[lane] = std::max(begin, end);
        return track;
    }

  private:
    std::int32_t process_, first_thread_;
    std::string name_;
    std::vector<Nanoseconds> ends_;  // of the last slice of each
};

constexpr std::int32_t cluster_process = 1;  // 0 is the idle process to some viewers
constexpr std::int32_t first_device_process = 2;
constexpr std::int32_t processor_thread = 1, radio_thread = 10'001;  // room for overlaps between
constexpr std::int32_t rounds_thread = 1, requests_thread = 10'001;

constexpr std::uint64_t batch_rows = 16384;

class Export {
  public:
    Export(trace::Reader const& trace, std::ostream& out)
        : trace_(trace),
          out_(out),
          rounds_(cluster_process, rounds_thread, "rounds"),
          requests_(cluster_process, requests_thread, "requests") {
        for (auto const& device : trace.header().devices) {
            processors_.emplace_back(process_of(device.device), processor_thread, "processor");
            radios_.emplace_back(process_of(device.device), radio_thread, "radio");
        }
    }

    void write(std::function<void(std::int32_t)> const& progress) {
        auto const& header = trace_.header();
        auto const about = Object()
                               .text("format", trace::format)
                               .text("date", header.date)
                               .text("network", header.provenance.network)
                               .text("clock", header.provenance.clock)
                               .integer("rounds", trace_.committed_rounds())
                               .text("ended", trace::to_string(trace_.ended()))
                               .json();
        out_ << R"({"displayTimeUnit":"ms","otherData":)" << about << R"(,"traceEvents":[)";
        name_process(cluster_process, "cluster");
        for (auto const& device : header.devices) {
            name_process(process_of(device.device), device.name.view());
            if (std::isfinite(device.battery_j)) battery(device.device, 0, device.battery_j);
        }
        auto const rounds = trace_.read<trace::RoundRow>();
        for (std::size_t i = 0; i < rounds.size(); ++i) {
            auto const ledger_time = nanoseconds(i + 1 < rounds.size() ? rounds[i + 1].start_s : rounds[i].end_s);
            write_round(rounds[i], ledger_time);
            if (progress) progress(rounds[i].round + 1);
        }
        for (auto const& outage : trace_.read<trace::OutageRow>()) write_outage(outage);
        out_ << "\n]}\n";
    }

  private:
    Nanoseconds nanoseconds(double seconds) const {
        constexpr double longest = 4e9;  // such times, and their differences, are 64-bit nanoseconds
        if (!(std::abs(seconds) <= longest))
            throw InputError({trace_.path(), 0, ""},
                             "a time is " + std::to_string(seconds) + " s; this format takes up to 4e9 s");
        return std::llround(seconds * 1e9);
    }

    static std::int32_t process_of(std::int32_t device) { return first_device_process + device; }

    std::string device_name(std::int32_t device) const {
        return trace_.header().devices[index_of(device, "/events")].name.str();
    }

    std::size_t index_of(std::int32_t device, std::string const& table) const {
        trace_.require_device(device, table);
        return static_cast<std::size_t>(device);
    }

    std::string block_name(std::int32_t block) const {
        if (block == -1) return "image";
        trace_.require_block(block, "/events");
        return trace_.header().blocks[static_cast<std::size_t>(block)].name.str();
    }

    void emit(Object const& event) {
        out_ << (first_ ? "\n" : ",\n") << event.json();
        first_ = false;
    }

    void emit_metadata(std::string_view name, Track track, std::string const& args) {
        emit(Object()
                 .text("ph", "M")
                 .text("name", name)
                 .integer("pid", track.process)
                 .integer("tid", track.thread)
                 .raw("args", args));
    }

    void name_process(std::int32_t process, std::string_view name) {
        emit_metadata("process_name", {process, 0}, Object().text("name", name).json());
        emit_metadata("process_sort_index", {process, 0}, Object().integer("sort_index", process).json());
    }

    // Writes a slice and returns where it is.
    Track slice(Tracks& tracks, std::string_view category, std::string const& name, Nanoseconds begin, Nanoseconds end,
                Object const& args) {
        auto const track = tracks.place(begin, end, [&](Track added, std::string const& track_name) {
            emit_metadata("thread_name", added, Object().text("name", track_name).json());
            emit_metadata("thread_sort_index", added, Object().integer("sort_index", added.thread).json());
        });
        emit(Object()
                 .text("ph", "X")
                 .text("cat", category)
                 .text("name", name)
                 .integer("pid", track.process)
                 .integer("tid", track.thread)
                 .time("ts", begin)
                 .time("dur", std::max(begin, end) - begin)
                 .raw("args", args.json()));
        return track;
    }

    void battery(std::int32_t device, Nanoseconds time, double joules) {
        if (!std::isfinite(joules)) return;
        emit(Object()
                 .text("ph", "C")
                 .text("name", "battery")
                 .integer("pid", process_of(device))
                 .time("ts", time)
                 .raw("args", Object().number("J", joules).json()));
    }

    void write_round(trace::RoundRow const& row, Nanoseconds ledger_time) {
        slice(rounds_, "round", "round " + std::to_string(row.round), nanoseconds(row.start_s), nanoseconds(row.end_s),
              Object()
                  .integer("requests", row.requests)
                  .integer("admitted", row.admitted)
                  .text("planner", row.planner.view())
                  .text("status", row.status.view())
                  .text("binding", row.binding.view())
                  .number("objective", row.objective)
                  .number("gap", row.gap));
        judged_.clear();
        for (auto const& judged : exit_rows_.all(row.round)) judged_[{judged.request, judged.exit}] = judged;
        auto requests = request_rows_.all(row.round);
        std::ranges::stable_sort(requests, {}, &trace::RequestRow::arrival_s);
        for (auto const& request : requests) write_request(request);
        wholes_.clear();
        for (auto const& plan : plan_rows_.all(row.round)) {
            if (plan.part >= 0) continue;
            auto& whole = wholes_[{plan.request, plan.block}];
            if (plan.revision >= whole.revision) whole = plan;
        }
        auto events = event_rows_.all(row.round);
        std::ranges::stable_sort(events, {}, &Event::begin_s);
        write_events(events);
        for (auto const& ledger : battery_rows_.all(row.round)) {
            trace_.require_device(ledger.device, "/battery");
            if (std::isfinite(ledger.remaining_j)) battery(ledger.device, ledger_time, ledger.remaining_j);
        }
    }

    void write_request(trace::RequestRow const& row) {
        if (row.status < trace::RequestStatus::done || row.status > trace::RequestStatus::failed)
            throw InputError({trace_.path(), 0, "/requests"},
                             "a status is " + std::to_string(static_cast<int>(row.status)) + "; there are 1 to 3");
        auto const begin = nanoseconds(row.arrival_s);
        auto const name = "request " + std::to_string(row.request);
        auto args = Object()
                        .integer("round", row.round)
                        .integer("request", row.request)
                        .text("status", to_string(row.status))
                        .number("latency_s", row.latency_s)
                        .number("predicted_latency_s", row.predicted_latency_s)
                        .number("accuracy", row.accuracy)
                        .integer("shared_bytes", row.shared_bytes);
        if (trace_.header().has_exits() && row.status == trace::RequestStatus::done)
            args.text("left", row.exit < 0 ? "at the end" : "behind " + block_name(row.exit))
                .number("confidence", row.confidence)
                .integer("verdict", row.verdict);
        auto const end = std::isnan(row.finish_s) ? begin : nanoseconds(row.finish_s);
        slice(requests_, "request", name, begin, end, args);
    }

    // Events in the order of their begin.
    void write_events(std::vector<Event> const& events) {
        using Transfer =
            std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int32_t, std::int16_t>;  // from, to, request,
                                                                                               // block, part
        struct End {
            Track track;
            Nanoseconds time;
        };
        std::map<Transfer, std::array<std::vector<End>, 2>> transfers;
        for (auto const& event : events) {
            bool const sends = event.kind == EventKind::transmit, receives = event.kind == EventKind::receive;
            auto const begin = nanoseconds(event.begin_s), end = nanoseconds(event.end_s);
            auto& tracks = (sends || receives ? radios_ : processors_)[index_of(event.device, "/events")];
            auto const [category, name] = words(event);
            auto const track = slice(tracks, category, name, begin, end, args_of(event));
            if (category == "leaves") leave(event, track, end);
            if ((event.flags & event_flags::failed) != 0 || end <= begin + 1) continue;
            // Bound to the slices in which these times lie.
            if (sends)
                transfers[{event.device, event.peer, event.request, event.block, event.part}][0].push_back(
                    {track, begin + 1});
            if (receives)
                transfers[{event.peer, event.device, event.request, event.block, event.part}][1].push_back(
                    {track, end - 1});
        }
        for (auto const& [transfer, ends] : transfers)
            for (std::size_t i = 0; i < std::min(ends[0].size(), ends[1].size()); ++i) {
                ++flows_;
                flow("s", ends[0][i].track, ends[0][i].time);
                flow("f", ends[1][i].track, ends[1][i].time);
            }
    }

    void flow(std::string_view phase, Track track, Nanoseconds time) {
        Object event;
        event.text("ph", phase)
            .text("cat", "transfer")
            .text("name", "transfer")
            .integer("id", flows_)
            .integer("pid", track.process)
            .integer("tid", track.thread)
            .time("ts", time);
        if (phase == "f") event.text("bp", "e");
        emit(event);
    }

    // What the head said that this event computed; null: it is none, or the request was not done.
    trace::ExitRow const* judged(Event const& event) const {
        auto const& blocks = trace_.header().blocks;
        if (event.kind != EventKind::compute || event.block < 0 || (event.flags & event_flags::failed) != 0)
            return nullptr;
        auto const after = blocks[static_cast<std::size_t>(event.block)].after;
        auto const found = after < 0 ? judged_.end() : judged_.find({event.request, after});
        return found == judged_.end() ? nullptr : &found->second;
    }

    // A mark where a request leaves.
    void leave(Event const& event, Track track, Nanoseconds time) {
        emit(Object()
                 .text("ph", "i")
                 .text("s", "t")
                 .text("cat", "leaves")
                 .text("name", "request " + std::to_string(event.request) + " leaves")
                 .integer("pid", track.process)
                 .integer("tid", track.thread)
                 .time("ts", time));
    }

    // Does the device put the parts of a block together?
    bool joins(Event const& event) const {
        auto const whole = wholes_.find({event.request, event.block});
        return event.kind == EventKind::compute && event.part < 0 && whole != wholes_.end() && whole->second.parts > 1;
    }

    // Category and name of an event's slice.
    std::pair<std::string_view, std::string> words(Event const& event) const {
        auto const block = block_name(event.block) + (event.part < 0 ? "" : ", part " + std::to_string(event.part + 1));
        switch (event.kind) {
            case EventKind::compute:
                if (auto const* said = judged(event); said && said->left == trace::Left::yes)
                    return {"leaves", block + ": leaves"};
                if (joins(event)) return {"join", "join the parts of " + block};
                return {"compute", block};
            case EventKind::transmit:
                return {"transmit", "send " + block + " to " + device_name(event.peer)};
            case EventKind::receive:
                return {"receive", "receive " + block + " from " + device_name(event.peer)};
            case EventKind::wait:
                return {"wait", "wait for the input of " + block};
        }
        return {"unknown", block};
    }

    Object args_of(Event const& event) const {
        Object args;
        args.integer("round", event.round).integer("request", event.request).text("block", block_name(event.block));
        if (event.part >= 0) args.integer("part", event.part);
        if (auto const* said = judged(event))
            args.integer("predicted", said->predicted)
                .number("confidence", said->confidence)
                .raw("left", said->left == trace::Left::yes ? "true" : "false");
        if (event.peer >= 0) args.text("peer", device_name(event.peer));
        if (event.bytes > 0) args.integer("bytes", event.bytes);
        if (event.macs > 0) args.integer("macs", event.macs);
        if (!std::isnan(event.host_begin_s))
            args.number("host_begin_s", event.host_begin_s).number("host_end_s", event.host_end_s);
        if (event.flags & event_flags::overrun) args.raw("overrun", "true");
        if (event.flags & event_flags::retransmitted) args.raw("retransmitted", "true");
        if (event.flags & event_flags::failed) args.raw("failed", "true");
        return args;
    }

    void write_outage(trace::OutageRow const& row) {
        trace_.require_device(row.device, "/outages");
        auto const name = row.peer < 0 ? std::string("off") : "no link to " + device_name(row.peer);
        Object args;
        args.text("cause", row.cause.view());
        if (!std::isnan(row.end_s)) args.number("end_s", row.end_s);
        emit(Object()
                 .text("ph", "i")
                 .text("s", "p")
                 .text("cat", "outage")
                 .text("name", name)
                 .integer("pid", process_of(row.device))
                 .integer("tid", processor_thread)
                 .time("ts", nanoseconds(row.begin_s))
                 .raw("args", args.json()));
    }

    trace::Reader const& trace_;
    std::ostream& out_;
    RoundStream<trace::RequestRow> request_rows_{trace_, batch_rows};
    RoundStream<trace::PlanRow> plan_rows_{trace_, batch_rows};
    RoundStream<trace::ExitRow> exit_rows_{trace_, batch_rows};
    RoundStream<Event> event_rows_{trace_, batch_rows};
    RoundStream<trace::BatteryRow> battery_rows_{trace_, batch_rows};
    // Of the round's plans, by request and block: the last that says who has the block as a whole.
    std::map<std::pair<std::int32_t, std::int32_t>, trace::PlanRow> wholes_;
    std::map<std::pair<std::int32_t, std::int32_t>, trace::ExitRow> judged_;  // of the round, by request and exit
    bool first_ = true;
    std::int64_t flows_ = 0;
    Tracks rounds_, requests_;
    std::vector<Tracks> processors_, radios_;  // by device
};

}  // namespace

void write_perfetto(trace::Reader const& trace, std::ostream& out,
                    std::function<void(std::int32_t rounds)> const& progress) {
    Export(trace, out).write(progress);
}

}  // namespace skipstone::analysis
