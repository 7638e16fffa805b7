#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/signals.hpp"
#include "cli/trace_analysis.hpp"
#include "cli/watched_round.hpp"
#include "mpi/communicator.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds poll_interval{250};

// All rounds so far.
struct Progress {
    std::int32_t rounds = 0;
    long done = 0, rejected = 0, failed = 0, left_early = 0, events = 0, overruns = 0;
    double latency_total_s = 0, worst_latency_s = 0;  // worst: a round's mean
    std::optional<WatchedRound> last;

    bool faithful() const { return overruns * 100 <= events; }
    void add(WatchedRound const& round) {
        ++rounds;
        done += round.done;
        rejected += round.rejected;
        failed += round.failed;
        left_early += round.left_early;
        events += round.events;
        overruns += round.overruns;
        latency_total_s += round.latency_total_s;
        if (round.done > 0) worst_latency_s = std::max(worst_latency_s, round.latency_total_s / round.done);
        last = round;
    }
};

std::string counted(long number, char const* what) {
    return std::to_string(number) + " " + what;
}

void pause() {
    auto const pause = std::chrono::duration_cast<std::chrono::nanoseconds>(poll_interval).count();
    timespec const length{0, static_cast<long>(pause)};
    nanosleep(&length, nullptr);  // a signal ends it
}

// Until a run begins to write the trace, if its folder is there; false when a signal came first.
bool wait_for(fs::path const& trace) {
    std::error_code ignored;
    auto const missing = [&] { return !fs::exists(fs::symlink_status(trace, ignored)); };
    auto const folder = fs::absolute(trace, ignored).parent_path();
    if (!missing() || !fs::is_directory(folder, ignored)) return true;
    std::fprintf(stderr, "skipstone: %s is not there yet; waiting for it (Ctrl-C ends that)\n", trace.c_str());
    while (missing()) {
        if (stop_requested()) return false;
        pause();
    }
    return true;
}

class Watch {
  public:
    Watch(trace::Reader trace, Invocation const& invocation)
        : trace_(std::move(trace)), terminal_(isatty(STDOUT_FILENO) != 0), invocation_(invocation) {
        begin();
    }

    // Follows the run to its end; returns the exit status.
    int follow() {
        for (;;) {
            bool const written = trace_.being_written();  // asked before the look at the file that it is held against
            trace_.refresh();
            if (trace_.header().date != date_ || trace_.committed_rounds() < progress_.rounds) {
                close_screen();
                std::printf("another run has replaced this trace; following that\n");
                begin();
            }
            for (auto round = progress_.rounds; round < trace_.committed_rounds() && !stop_requested(); ++round) {
                progress_.add(read_round(trace_, RoundId(round)));
                news_ = Clock::now();
                if (!terminal_) say(flowed(round_line(), "  ", 4));
            }
            if (stop_requested()) break;
            if (trace_.ended() != trace::Ended::running) return finish();
            if (!written && knows_writer()) return gone();
            if (terminal_)
                redraw();
            else
                warn_of_silence();
            pause();
        }
        close_screen();
        say("no longer watching; the run goes on");
        return interrupted + last_signal();
    }

  private:
    void begin() {
        auto const& header = trace_.header();
        auto const& provenance = header.provenance;
        date_ = header.date;
        progress_ = {};
        news_ = Clock::now();
        warned_ = false;
        bool const wall = provenance.clock == "wall";
        title_ = provenance.network + ", " + counted(static_cast<long>(header.devices.size()), "devices");
        auto const scenario = scenario_of(trace_, invocation_);
        planned_rounds_ = scenario ? scenario->rounds.count : 0;
        if (scenario) title_ += ", planner " + scenario->planner.name;
        title_ += wall ? ", wall clock, an emulated second takes " + fixed(provenance.dilation, 3) + " s"
                       : ", " + provenance.clock + " clock";
        say(wrapped(trace_.path() + ": " + title_));
    }

    // Whether this host can know that the writer is gone: it ran here.
    bool knows_writer() const {
        auto const& hosts = trace_.header().provenance.hosts;  // "name: ranks; name: ranks"
        auto const here = mpi::host_name() + ": 0";
        return hosts.starts_with(here) || hosts.find("; " + here) != std::string::npos;
    }

    std::string of_all() const { return planned_rounds_ > 0 ? "/" + std::to_string(planned_rounds_) : ""; }

    // In parts.
    std::vector<std::string> round_line() const {
        auto const& round = *progress_.last;
        std::vector<std::string> line = {
            "[" + std::to_string(progress_.rounds) + of_all() + "] round " + std::to_string(round.row.round),
            "admitted " + std::to_string(round.row.admitted) + "/" + std::to_string(round.row.requests)};
        if (round.done > 0) {
            line.push_back("latency " + fixed(round.latency_total_s / round.done, 3) + " s");
            line.push_back("accuracy " + percent(round.accuracy_total / round.done));
        }
        if (trace_.header().has_exits()) line.push_back("left early " + std::to_string(round.left_early));
        if (round.row.admitted > 0) line.push_back("dropped " + std::to_string(round.dropped_blocks));
        line.push_back(batteries());
        if (!round.row.binding.view().empty()) line.push_back("rejected for " + round.row.binding.str());
        if (round.failed > 0) line.push_back("FAILED " + std::to_string(round.failed));
        if (round.overruns > 0) line.push_back("late events " + std::to_string(round.overruns));
        return line;
    }

    std::string batteries() const {
        auto const& round = *progress_.last;
        auto text = battery_text(round.lowest_share, round.lowest_battery_j,
                                 trace_.header().devices.at(round.lowest_device).name.str());
        if (round.low_batteries > 0) text += ", " + counted(round.low_batteries, "below 20 %");
        if (round.empty_batteries > 0) text += ", " + counted(round.empty_batteries, "empty");
        return text;
    }

    std::string rate_text() const {
        auto const& row = progress_.last->row;
        if (!(row.host_end_s > 0)) return duration(row.end_s) + " emulated";
        return duration(row.end_s) + " emulated in " + duration(row.host_end_s) + " (" +
               fixed(row.end_s / row.host_end_s, 2) + " per second, " + fixed(progress_.rounds / row.host_end_s, 2) +
               " rounds per second)";
    }

    // The screen on a terminal: a few lines that are drawn anew in place.
    void redraw() {
        std::vector<std::string> lines;
        auto const silent = std::chrono::duration<double>(Clock::now() - news_).count();
        std::string bar = std::to_string(progress_.rounds) + of_all() + " rounds";
        if (planned_rounds_ > 0) {
            constexpr int cells = 30;
            auto const full = static_cast<std::size_t>(std::min(cells, cells * progress_.rounds / planned_rounds_));
            bar = "[" + std::string(full, '#') + std::string(cells - full, '.') + "] " + bar;
        }
        if (progress_.last) {
            auto const host_s = progress_.last->row.host_end_s;
            if (host_s > 0 && planned_rounds_ > progress_.rounds)
                bar +=
                    ", about " + duration(host_s / progress_.rounds * (planned_rounds_ - progress_.rounds)) + " left";
            lines.push_back(bar);
            lines.push_back(rate_text());
            lines.push_back("requests: " + counted(progress_.done, "done, ") + rejected_and_failed());
            if (progress_.done > 0)
                lines.push_back(
                    "latency: mean " + fixed(progress_.latency_total_s / static_cast<double>(progress_.done), 3) +
                    " s, last round " +
                    (progress_.last->done > 0 ? fixed(progress_.last->latency_total_s / progress_.last->done, 3) + " s"
                                              : std::string("–")) +
                    ", worst round " + fixed(progress_.worst_latency_s, 3) + " s");
            lines.push_back(batteries());
            if (trace_.header().provenance.clock == "wall")
                lines.push_back(counted(progress_.overruns, "late events of ") + std::to_string(progress_.events) +
                                (progress_.faithful() ? "" : ": NOT FAITHFUL"));
        } else {
            lines.push_back(bar);
        }
        if (silent > 5) lines.push_back("nothing new for " + duration(std::floor(silent)));

        auto const known = line_width();
        auto const columns = known > 0 ? known : 80;
        if (drawn_ > 0) std::printf("\033[%zuA\r\033[J", drawn_);
        for (auto const& line : lines) std::printf("%s\n", shortened(line, columns - 1).c_str());
        std::fflush(stdout);
        drawn_ = lines.size();
    }

    // The last state stays on the terminal.
    void close_screen() {
        if (terminal_ && progress_.last) redraw();
        drawn_ = 0;
    }

    void warn_of_silence() {
        constexpr std::chrono::minutes long_time{1};
        if (warned_ || Clock::now() - news_ < long_time) return;
        warned_ = true;
        std::fprintf(stderr, "skipstone: nothing new for a minute; still watching%s\n",
                     knows_writer() ? "" : " (the run is on another host: whether it lives cannot be seen from here)");
    }

    static void say(std::string const& line) {
        std::printf("%s\n", line.c_str());
        std::fflush(stdout);
    }

    std::string so_far() const {
        return "after " + std::to_string(progress_.rounds) +
               (planned_rounds_ > 0 ? " of " + std::to_string(planned_rounds_) : "") + " rounds";
    }

    std::string rejected_and_failed() const {
        return (trace_.header().has_exits() ? counted(progress_.left_early, "of them early, ") : "") +
               counted(progress_.rejected, "rejected") +
               (progress_.failed > 0 ? ", " + counted(progress_.failed, "failed") : "");
    }

    int finish() {
        close_screen();
        say(wrapped(std::string(trace::to_string(trace_.ended())) + " " + so_far() + ": " +
                    counted(progress_.done, "requests done, ") + rejected_and_failed()));
        bool const faithful = trace_.header().provenance.clock != "wall" || progress_.faithful();
        if (!faithful)
            say(wrapped("NOT FAITHFUL, do not trust these times: " + counted(progress_.overruns, "of ") +
                        counted(progress_.events, "events late by more than 1 %")));
        if (trace_.ended() != trace::Ended::finished) return failed;
        return faithful ? done : not_faithful;
    }

    int gone() {
        close_screen();
        say(wrapped(
            "the run is gone " + so_far() +
            ": no process writes the trace any more, and it does not say how it ended (killed, or the disk was full); "
            "the finished rounds can be read"));
        return failed;
    }

    trace::Reader trace_;
    bool terminal_;
    Invocation const& invocation_;
    std::string date_, title_;
    int planned_rounds_ = 0;  // 0: unknown
    Progress progress_;
    Clock::time_point news_;  // when the last round was found
    bool warned_ = false;
    std::size_t drawn_ = 0;  // lines on the terminal that the next drawing replaces
};

}  // namespace

Action add_watch_command(CLI::App& app, Invocation const& invocation) {
    auto trace = std::make_shared<std::string>();
    app.add_option("trace", *trace, "the trace that a run is writing")->required()->type_name("TRACE");
    app.footer(
        "On a terminal the state of the run is redrawn in place; elsewhere every finished round is a line, as\n"
        "`run` prints it. A trace that is not there yet is waited for. Ends when the run ends; Ctrl-C ends the watching,\n"
        "not the run.\n"
        "Exit status: 0 the run finished, 1 it was interrupted, failed or was killed, 4 it finished with more than 1 %\n"
        "of its events late (wall clock), 130 watching was interrupted.\n"
        "A run whose process has gone without saying how it ended was killed; that can be seen on the host of its\n"
        "rank 0 alone.");
    return [trace, &invocation] {
        on_signals(OnSignal::remember);
        if (!wait_for(*trace)) return interrupted + last_signal();
        return Watch(open_trace(*trace), invocation).follow();
    };
}

}  // namespace skipstone::cli
