#include "cli/run_report.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "emulator/coordinator.hpp"
#include "model/plan.hpp"

namespace skipstone::cli {

namespace {

constexpr double tolerated_uncertainty_s = 100e-6;  // of clocks, times the dilation

constexpr std::size_t rows_shown = 40;

void print(std::string const& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}

std::string admitted(emulator::RoundSummary const& round) {
    return std::to_string(round.admitted) + "/" + std::to_string(round.requests);
}

std::string rejected_for(emulator::RoundSummary const& round) {
    return round.admitted < round.requests ? std::string(to_string(round.binding)) : "";
}

std::string device_table(emulator::RunSummary const& summary, std::string const& rest) {
    TextTable table({{"device", Align::left},
                     {"busy/s"},
                     {"busy"},
                     {"waiting/s"},
                     {"sent/MB"},
                     {"received/MB"},
                     {"energy/J"},
                     {"battery"},
                     {"battery/J"}});
    double const span = summary.emulated().value();
    for (auto const& device : summary.devices())
        table.add({device.name, fixed(device.busy.value(), 3), span > 0 ? percent(device.busy.value() / span, 1) : "–",
                   fixed(device.waiting.value(), 3), fixed(static_cast<double>(device.sent.value()) / 1e6, 2),
                   fixed(static_cast<double>(device.received.value()) / 1e6, 2), fixed(device.energy.value(), 2),
                   percent(device.battery_share(), 1), fixed(device.battery.value(), 2)});
    return table.text(rows_shown, rest);
}

std::string round_table(emulator::RunSummary const& summary, std::string const& rest) {
    TextTable table({{"round"},
                     {"start/s"},
                     {"length/s"},
                     {"admitted"},
                     {"dropped"},
                     {"latency/s"},
                     {"accuracy"},
                     {"objective"},
                     {"gap"},
                     {"energy/J"},
                     {"plan/ms"},
                     {"late"},
                     {"rejected for", Align::left}});
    for (auto const& round : summary.rounds()) {
        bool const any = round.admitted > round.failed;
        table.add({std::to_string(round.round), fixed(round.start.value(), 3), fixed(round.length.value(), 3),
                   admitted(round), std::to_string(round.dropped_blocks),
                   any ? fixed(round.mean_latency.value(), 3) : "–", any ? percent(round.mean_accuracy) : "–",
                   round.objective ? fixed(*round.objective, 4) : "–", round.gap ? percent(*round.gap) : "–",
                   fixed(round.energy.value(), 2), fixed(1e3 * round.planning_s, 2), std::to_string(round.overruns),
                   rejected_for(round)});
    }
    return table.text(rows_shown, rest);
}

// What became of requests that lost a device or a link; "" where none did.
std::string failures_line(emulator::RunSummary const& summary) {
    int revised = 0, failed = 0;
    for (auto const& round : summary.rounds()) {
        revised += round.revised;
        failed += round.failed;
    }
    if (revised + failed == 0) return "";
    return "failures: " + std::to_string(revised) + " requests went on by other plans, " + std::to_string(failed) +
           " failed\n";
}

std::string stream_line(emulator::StreamSummary const& stream) {
    bool const steady = !std::isnan(stream.throughput);
    std::string text = "stream: ";
    text += steady ? fixed(stream.throughput, 4) + " images/s in the steady state"
                   : "no steady state, the last request began before the first was done";
    if (!std::isnan(stream.bound)) text += "; bound " + fixed(stream.bound, 4) + " images/s";
    if (!std::isnan(stream.gap())) text += ", gap " + percent(stream.gap());
    if (!stream.bottleneck.empty())
        text += "; bottleneck " + stream.bottleneck + (steady ? ", " + percent(stream.share) + " busy" : "");
    return text + "\n";
}

std::string accuracy_line(emulator::AccuracySummary const& accuracy) {
    auto const confidence = accuracy.confidence();
    auto const planned =
        std::isnan(accuracy.planned) ? "not planned (there is no table)" : "planned " + percent(accuracy.planned);
    return "accuracy: " + planned + ", observed " + percent(accuracy.observed()) + " (" +
           std::to_string(accuracy.correct) + " of " + std::to_string(accuracy.labelled) +
           " labelled images right; 95 % confidence interval " + fixed(100 * confidence.low, 2) + " to " +
           percent(confidence.high) + ")" +
           (std::isnan(accuracy.planned) || accuracy.planned_is_plausible()
                ? ""
                : "; THE PLANNED ACCURACY LIES OUTSIDE, by a binomial test at 99.9 %. Likely causes: images prepared "
                  "otherwise than in training (mean, std or input size of the weights), labels that are numbered "
                  "otherwise, an accuracy table of other weights, or other data than it was measured on") +
           "\n";
}

}  // namespace

RunReport::RunReport(Scenario const& scenario, Network const& network, double dilation, bool quiet)
    : title_(network.name() + ", " + std::to_string(scenario.fleet.size()) + " devices, " +
             std::to_string(scenario.rounds.count) + " rounds, planner " + scenario.planner.name + ", seed " +
             std::to_string(scenario.seed) + (scenario.emulation.kernels ? "" : ", kernels off")),
      rounds_(scenario.rounds.count),
      wall_(scenario.emulation.clock == ClockKind::wall),
      quiet_(quiet),
      terminal_(::isatty(STDOUT_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0),
      dilation_(dilation) {
    if (!quiet) bar_.emplace(scenario.rounds.count);
}

void RunReport::start(std::string const& trace, std::string const& images, std::optional<std::string> const& warning) {
    trace_ = trace;
    if (!quiet_) {
        print(wrapped("skipstone: " + title_ + ", " +
                      (wall_ ? "wall clock, an emulated second takes " + fixed(dilation_, 3) + " s"
                             : std::string("virtual clock")) +
                      "\n"));
        if (!images.empty()) print(wrapped("images: " + images + "\n"));
        bar_->advance(0, "rounds");
    }
    if (!warning) return;
    if (bar_) bar_->clear();
    std::fprintf(stderr, "skipstone: warning: %s\n", warning->c_str());
}

void RunReport::round(emulator::RoundSummary const& round) {
    if (quiet_) return;
    if (!terminal_) {
        bar_->clear();
        print(flowed(round_line(round), "  ", 4) + "\n");
    }
    bar_->advance_timed(round.round + 1, "rounds");
}

std::vector<std::string> RunReport::round_line(emulator::RoundSummary const& round) const {
    std::vector<std::string> line = {"[" + std::to_string(round.round + 1) + "/" + std::to_string(rounds_) +
                                         "] round " + std::to_string(round.round),
                                     "admitted " + admitted(round)};
    auto const add = [&](std::string text) { line.push_back(std::move(text)); };
    if (round.admitted > round.failed) {
        add("latency " + fixed(round.mean_latency.value(), 3) + " s");
        add("accuracy " + percent(round.mean_accuracy));
    }
    if (round.admitted > 0) add("dropped " + std::to_string(round.dropped_blocks));
    add("energy " + fixed(round.energy.value(), 1) + " J");
    add(battery_text(round.lowest_share, round.lowest_battery.value(), round.lowest_device));
    if (round.admitted < round.requests) add("rejected for " + rejected_for(round));
    if (round.revised > 0) add("planned anew " + std::to_string(round.revised));
    if (round.failed > 0) add("FAILED " + std::to_string(round.failed));
    if (round.overruns > 0) add("late events " + std::to_string(round.overruns));
    return line;
}

void RunReport::finish(emulator::RunSummary const& summary, std::string const& remark,
                       std::optional<double> start_up_s) {
    if (bar_) bar_->clear();
    if (!quiet_) {
        auto const rest = "skipstone analyze --csv DIR has all";
        print("\ndevices\n" + device_table(summary, rest) + "\n");
        if (terminal_) print("rounds\n" + round_table(summary, rest) + "\n");  // their lines were not printed
        print(wrapped(failures_line(summary)));
        if (auto const stream = summary.stream()) print(wrapped(stream_line(*stream)));
    }
    if (auto const accuracy = summary.accuracy();
        accuracy.labelled > 0 && (!quiet_ || !(std::isnan(accuracy.planned) || accuracy.planned_is_plausible())))
        print(wrapped(accuracy_line(accuracy)));
    if (wall_) {
        auto const f = summary.fidelity();
        if (!quiet_ || !f.faithful())
            print(wrapped(
                "fidelity: " + std::to_string(f.overruns) + " of " + std::to_string(f.events) +
                " events late by more than 1 %; lateness p50 " + percent(f.p50, 4) + ", p99 " + percent(f.p99, 3) +
                ", max " + percent(f.max, 2) + "; clocks agree to " + fixed(1e6 * f.clock_uncertainty_s, 1) + " µs" +
                (f.faithful() ? ""
                              : "; NOT FAITHFUL, do not trust these times: try --dilation " +
                                    fixed(f.sufficient_dilation, 1) + ", fewer ranks per core, or an idle host") +
                "\n"));
        if (f.clock_uncertainty_s > tolerated_uncertainty_s * dilation_)
            std::fprintf(stderr,
                         "skipstone: warning: the ranks' clocks are known to %.0f µs only; host times of different "
                         "ranks are not comparable\n",
                         1e6 * f.clock_uncertainty_s);
    }
    if (summary.stalled_s() > 0 && !quiet_)
        print(
            wrapped("rank 0 stood still for " + fixed(summary.stalled_s(), 1) +
                    " s (stopped, or no core was free); rounds began later for it, emulated times are not affected\n"));
    print(wrapped((remark.empty() ? ""
                                  : remark + " after " + std::to_string(summary.rounds().size()) + " of " +
                                        std::to_string(rounds_) + " rounds; ") +
                  fixed(summary.emulated().value(), 3) + " emulated seconds; " +
                  (start_up_s ? "first logits " + fixed(*start_up_s, 2) + " s after the start; " : "") +
                  "trace: " + trace_ + "\n"));
}

}  // namespace skipstone::cli
