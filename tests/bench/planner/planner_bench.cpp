// Prints how well and how fast the exact planner solves rounds of the paper's scenario, and the genetic algorithm
// beside it. Usage: planner_bench [--seeds N] [--ga SEEDS]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/profiles.hpp"
#include "config/scenario_file.hpp"
#include "model/cost_model.hpp"
#include "model/network.hpp"
#include "model/round_state.hpp"
#include "planner/contention.hpp"
#include "planner/ga.hpp"
#include "planner/planner.hpp"

using namespace skipstone;

namespace {

struct Row {
    int devices = 10, requests = 1;
    double alpha = 0.7;
    double compute = 1;                  // times the paper's c̄
    std::optional<double> time_limit_s;  // none: a planner's own work limit
    double gap = 0.005;                  // at which it may stop, and which it is to prove
};

// A round of the scenario with as many devices of each kind as wanted, its links drawn from the seed.
class Rounds {
  public:
    explicit Rounds(std::string const& scenario)
        : scenario_(config::load_scenario(scenario, {},
                                          config::ProfileFolders{{std::string(SKIPSTONE_SOURCE_DIR) + "/profiles"}})),
          network_(scenario_.network.profile),
          drops_(drop_options(scenario_.accuracy, network_)) {}

    Instance instance(Row const& row, std::uint64_t seed) const {
        auto scenario = scenario_;
        scenario.seed = seed;
        scenario.objective.alpha = row.alpha;
        scenario.objective.beta = 1 - row.alpha;
        auto const kinds = scenario_.fleet;  // half of the one, half of the other
        scenario.fleet.clear();
        RoundState state;
        state.round = RoundId(0);
        for (int i = 0; i < row.devices; ++i) {
            auto device = 2 * i < row.devices ? kinds.front() : kinds.back();
            device.name = "d" + std::to_string(i);
            device.macs_per_round =
                Macs(static_cast<std::int64_t>(row.compute * static_cast<double>(device.macs_per_round.value())));
            state.battery.push_back(device.battery);
            scenario.fleet.push_back(std::move(device));
        }
        state.links = LinkTable::drawn(scenario.fleet.size(), scenario.links, seed, state.round);
        state.requests.resize(static_cast<std::size_t>(row.requests));
        return make_instance(scenario, network_, drops_, state, std::vector<Joules>(scenario.fleet.size()));
    }

  private:
    Scenario scenario_;
    Network network_;
    std::vector<DropOption> drops_;
};

double quantile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

double peak_megabytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

void exact_row(Rounds const& rounds, Row const& row, int seeds) {
    planner::Options options;
    options.gap = row.gap;
    options.time_limit_s = row.time_limit_s;
    std::vector<double> seconds, gaps;
    int within = 0, admission_proven = 0, invalid = 0, admitted = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
        auto const instance = rounds.instance(row, static_cast<std::uint64_t>(seed));
        auto const result = planner::plan("exact", instance, options);
        seconds.push_back(1e3 * result.seconds);
        gaps.push_back(100 * result.gap.value_or(std::numeric_limits<double>::infinity()));
        within += result.gap && *result.gap <= row.gap ? 1 : 0;
        admission_proven += result.admitted == result.admitted_bound ? 1 : 0;
        admitted += result.admitted;
        invalid += violations(instance, result).empty() ? 0 : 1;
    }
    std::printf("%4d %3d %6.1f %5.1f %6.2f %5d/%-4d %5d/%-4d %7.2f %9.1f %9.1f %9.1f %8.3f %8.3f %7.0f%s\n",
                row.devices, row.requests, row.alpha, row.compute, 100 * row.gap, within, seeds, admission_proven,
                seeds, static_cast<double>(admitted) / seeds, quantile(seconds, 0.5), quantile(seconds, 0.95),
                quantile(seconds, 1), quantile(gaps, 0.5), quantile(gaps, 1), peak_megabytes(),
                invalid > 0 ? "  INVALID PLANS" : "");
    std::fflush(stdout);
}

void ga_row(Rounds const& rounds, Row const& row, int seeds) {
    for (int seed = 1; seed <= seeds; ++seed) {
        auto const instance = rounds.instance(row, static_cast<std::uint64_t>(seed));
        planner::Options options;
        options.gap = row.gap;
        options.seed = static_cast<std::uint64_t>(seed);
        auto const exact = planner::plan("exact", instance, options);
        std::optional<double> close;  // s
        long generations = 0;
        auto const begin = std::chrono::steady_clock::now();
        auto ga = planner::plan_ga(instance, options, [&](planner::GaProgress const& progress) {
            generations = progress.generation;
            if (!close && progress.admitted == exact.admitted && progress.objective &&
                *progress.objective <= 1.01 * *exact.objective)
                close = progress.seconds;
        });
        std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - begin;
        evaluate(instance, ga);
        std::printf("%4d %3d %6.1f %5.1f %5d %9.5f %9.1f %5d %9.5f %9.1f %7ld ", row.devices, row.requests, row.alpha,
                    row.compute, exact.admitted, exact.objective.value_or(0), 1e3 * exact.seconds, ga.admitted,
                    ga.objective.value_or(0), 1e3 * elapsed.count(), generations);
        if (close)
            std::printf("%9.1f ms\n", 1e3 * *close);
        else
            std::printf("    never\n");
        std::fflush(stdout);
    }
}

void contention_row(Rounds const& rounds, Row const& row, int seeds) {
    planner::Options options;
    options.gap = row.gap;
    std::vector<double> seconds;
    int better = 0, worse = 0;
    double exact_sum = 0, contention_sum = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
        auto const instance = rounds.instance(row, static_cast<std::uint64_t>(seed));
        auto const exact = planner::plan("exact", instance, options);
        auto const contention = planner::plan("contention", instance, options);
        double const before = planner::emulated_objective(instance, exact, nullptr);
        double const after = planner::emulated_objective(instance, contention, nullptr);
        better += after < before - 1e-12 ? 1 : 0;
        worse += after > before + 1e-12 ? 1 : 0;
        exact_sum += before;
        contention_sum += after;
        seconds.push_back(1e3 * contention.seconds);
    }
    std::printf("%4d %3d %6.1f %5.1f %7d %6d %6d %10.5f %11.5f %9.1f\n", row.devices, row.requests, row.alpha,
                row.compute, better, worse, seeds, exact_sum / seeds, contention_sum / seeds, quantile(seconds, 0.5));
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    int seeds = 100, ga_seeds = 1;
    for (int a = 1; a + 1 < argc; a += 2) {
        std::string_view const name = argv[a];
        if (name == "--seeds") seeds = std::max(1, std::atoi(argv[a + 1]));
        if (name == "--ga") ga_seeds = std::max(0, std::atoi(argv[a + 1]));
    }
    Rounds const rounds("khan2023");
    std::printf("exact (times in ms, gaps in %%, peak memory of this program in MB)\n");
    std::printf(
        "   N   R  alpha  c/c0  gap<=    proven   admission    adm.    median       p95     worst  gap med  gap max  "
        "memory\n");
    for (double const alpha : {0.0, 0.3, 0.7, 1.0}) exact_row(rounds, {10, 1, alpha, 1, {}, 1e-6}, seeds);
    for (double const compute : {1.0, 0.6})
        for (double const alpha : {0.0, 0.3, 0.7, 1.0}) exact_row(rounds, {10, 3, alpha, compute, {}, 0.005}, seeds);
    for (int requests = 5; requests <= 8; ++requests)
        exact_row(rounds, {10, requests, 0.7, 1, 1.0, 0.02}, std::max(1, seeds / 10));
    exact_row(rounds, {100, 20, 0.7, 1, 5.0, 0.02}, std::max(1, seeds / 20));

    std::printf("\ncontention: rounds that are better or worse than exact's plan on the emulated latency\n");
    std::printf("   N   R  alpha  c/c0  better  worse  seeds      exact  contention    median\n");
    for (int const requests : {3, 5})
        for (double const alpha : {0.3, 0.7, 1.0})
            contention_row(rounds, {10, requests, alpha, 1, {}, 0.005}, std::max(1, seeds / 5));

    if (ga_seeds > 0) {
        std::printf("\nga beside exact: admitted, objective, ms; generations; when ga came within 1 %%\n");
        std::printf(
            "   N   R  alpha  c/c0 exact objective        ms    ga objective        ms     gen.    within 1 %%\n");
        for (int const requests : {1, 3})
            for (double const compute : {1.0, 0.6}) ga_row(rounds, {10, requests, 0.7, compute, {}, 0.005}, ga_seeds);
    }
}
