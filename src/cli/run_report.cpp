#include "cli/run_report.hpp"

#include <cmath>
#include <cstdio>

#include "emulator/coordinator.hpp"
#include "model/plan.hpp"

namespace skipstone::cli {

namespace {

constexpr double tolerated_uncertainty_s = 100e-6;  // of clocks, times the dilation (design.md section 6)

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

std::string device_table(emulator::RunSummary const& summary) {
    TextTable table({{"device", Align::left},
                     {"busy/s"},
                     {"busy"},
                     {"waiting/s"},
                     {"sent/MB"},
                     {"received/MB"},
                     {"energy/J"},
                     {"battery/J"}});
    double const span = summary.emulated().value();
    for (auto const& device : summary.devices())
        table.add({device.name, fixed(device.busy.value(), 3), span > 0 ? percent(device.busy.value() / span, 1) : "–",
                   fixed(device.waiting.value(), 3), fixed(static_cast<double>(device.sent.value()) / 1e6, 2),
                   fixed(static_cast<double>(device.received.value()) / 1e6, 2), fixed(device.energy.value(), 2),
                   fixed(device.battery.value(), 2)});
    return table.text();
}

std::string round_table(emulator::RunSummary const& summary) {
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
                   any ? fixed(round.mean_latency.value(), 3) : "–", any ? fixed(round.mean_accuracy, 4) : "–",
                   round.objective ? fixed(*round.objective, 4) : "–", round.gap ? percent(*round.gap) : "–",
                   fixed(round.energy.value(), 2), fixed(1e3 * round.planning_s, 2), std::to_string(round.overruns),
                   rejected_for(round)});
    }
    return table.text();
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

RunReport::RunReport(Scenario const& scenario, Network const& network, double dilation)
    : title_(network.name() + ", " + std::to_string(scenario.fleet.size()) + " devices, " +
             std::to_string(scenario.rounds.count) + " rounds, planner " + scenario.planner.name + ", seed " +
             std::to_string(scenario.seed) + (scenario.emulation.kernels ? "" : ", kernels off")),
      rounds_(scenario.rounds.count),
      wall_(scenario.emulation.clock == ClockKind::wall),
      dilation_(dilation),
      bar_(scenario.rounds.count) {}

void RunReport::start(std::string const& trace, std::string const& images, std::optional<std::string> const& warning) {
    trace_ = trace;
    print(
        "skipstone: " + title_ + ", " +
        (wall_ ? "wall clock, an emulated second takes " + fixed(dilation_, 3) + " s" : std::string("virtual clock")) +
        "\n");
    if (!images.empty()) print("images: " + images + "\n");
    if (warning) std::fprintf(stderr, "skipstone: warning: %s\n", warning->c_str());
}

void RunReport::round(emulator::RoundSummary const& round) {
    bar_.clear();
    std::string line = "[" + std::to_string(round.round + 1) + "/" + std::to_string(rounds_) + "] round " +
                       std::to_string(round.round) + "  admitted " + admitted(round);
    if (round.admitted > round.failed)
        line += "  latency " + fixed(round.mean_latency.value(), 3) + " s  accuracy " + fixed(round.mean_accuracy, 4) +
                "  dropped " + std::to_string(round.dropped_blocks);
    line += "  energy " + fixed(round.energy.value(), 1) + " J  " +
            (std::isfinite(round.lowest_battery.value())
                 ? "lowest battery " + fixed(round.lowest_battery.value(), 1) + " J (" + round.lowest_device + ")"
                 : "no batteries");
    if (round.admitted < round.requests) line += "  rejected for " + rejected_for(round);
    if (round.revised > 0) line += "  planned anew " + std::to_string(round.revised);
    if (round.failed > 0) line += "  FAILED " + std::to_string(round.failed);
    if (round.overruns > 0) line += "  late events " + std::to_string(round.overruns);
    print(line + "\n");
    bar_.advance(round.round + 1, "rounds");
}

void RunReport::finish(emulator::RunSummary const& summary, std::string const& remark,
                       std::optional<double> start_up_s) {
    bar_.clear();
    print("\ndevices\n" + device_table(summary) + "\nrounds\n" + round_table(summary) + "\n");
    print(failures_line(summary));
    if (auto const accuracy = summary.accuracy(); accuracy.labelled > 0) print(accuracy_line(accuracy));
    if (wall_) {
        auto const f = summary.fidelity();
        print("fidelity: " + std::to_string(f.overruns) + " of " + std::to_string(f.events) +
              " events late by more than 1 %; lateness p50 " + percent(f.p50, 4) + ", p99 " + percent(f.p99, 3) +
              ", max " + percent(f.max, 2) + "; clocks agree to " + fixed(1e6 * f.clock_uncertainty_s, 1) + " µs" +
              (f.faithful() ? ""
                            : "; NOT FAITHFUL, do not trust these times: try --dilation " +
                                  fixed(f.sufficient_dilation, 1) + ", fewer ranks per core, or an idle host") +
              "\n");
        if (f.clock_uncertainty_s > tolerated_uncertainty_s * dilation_)
            std::fprintf(stderr,
                         "skipstone: warning: the ranks' clocks are known to %.0f µs only; host times of different "
                         "ranks are not comparable\n",
                         1e6 * f.clock_uncertainty_s);
    }
    if (summary.stalled_s() > 0)
        print("rank 0 stood still for " + fixed(summary.stalled_s(), 1) +
              " s (stopped, or no core was free); rounds began later for it, emulated times are not affected\n");
    print((remark.empty() ? ""
                          : remark + " after " + std::to_string(summary.rounds().size()) + " of " +
                                std::to_string(rounds_) + " rounds; ") +
          fixed(summary.emulated().value(), 3) + " emulated seconds; " +
          (start_up_s ? "first logits " + fixed(*start_up_s, 2) + " s after the start; " : "") + "trace: " + trace_ +
          "\n");
}

}  // namespace skipstone::cli
