#include "cli/sweep_program.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/summary.hpp"
#include "cli/launcher.hpp"
#include "cli/run_session.hpp"
#include "cli/this_host.hpp"
#include "cli/trace_analysis.hpp"
#include "config/file_kind.hpp"
#include "config/scenario_file.hpp"
#include "emulator/course.hpp"
#include "emulator/dilation.hpp"
#include "emulator/host_clock.hpp"
#include "emulator/setup.hpp"
#include "kernels/weights.hpp"
#include "sweep/process.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"
#include "units/sha256.hpp"

namespace skipstone::cli {

namespace {

using WeightsFiles = std::map<std::string, kernels::WeightsInfo>;  // read again only where they have changed

// What has been read for points. A process of a point has what its runner had when it began.
struct Known {
    WeightsFiles weights;
    // Measured ones, by network; nothing where none were measured on this host (a run refuses that, a table need not).
    std::map<std::string, std::optional<std::string>> convolutions;
};

// Of a point whose kernels run in its own process.
std::optional<std::string> measured_convolutions(Scenario const& scenario, Network const& network, Known& known) {
    auto const& emulation = scenario.emulation;
    if (!emulation.kernels || emulation.clock == ClockKind::wall ||
        scenario.network.convolutions != ConvolutionPolicy::measured)
        return std::nullopt;
    auto const key = network.name() + " " + std::to_string(network.input_shape().h) + " " +
                     std::string(to_string(network.precision()));
    auto const [found, fresh] = known.convolutions.try_emplace(key);
    if (fresh) try {
            found->second = choices_text(choices_of(ConvolutionPolicy::measured, network));
        } catch (InputError const&) {
        }
    return found->second;
}

sweep::Resolved resolve(Scenario scenario, Known& all_known) {
    auto& files = all_known.weights;
    sweep::Resolved resolved;
    if (auto const& weights = scenario.network.weights) {
        auto known = files.find(*weights);
        if (known == files.end() || !kernels::is_unchanged(known->second))
            known =
                files
                    .insert_or_assign(*weights, config::read_as(config::FileKind::weights, *weights,
                                                                [&] { return kernels::read_weights_info(*weights); }))
                    .first;
        resolved.weights_hash = known->second.sha256;
        scenario = emulator::with_weights_metadata(std::move(scenario), known->second);
    }
    auto const network = emulator::network_of(scenario);
    emulator::Course(scenario, network);
    resolved.convolutions = measured_convolutions(scenario, network, all_known);
    resolved.scenario = std::move(scenario);
    return resolved;
}

// A launcher that starts ranks must not take this process for one.
void forget_own_launcher() {
    std::vector<std::string> names;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        std::string_view const text = *entry;
        for (std::string_view const prefix : {"OMPI_COMM_WORLD_", "OMPI_UNIVERSE_", "PMIX_", "PMI_", "MV2_COMM_WORLD_",
                                              "JSM_NAMESPACE_", "FLUX_JOB_SIZE=", "SLURM_STEP_NUM_TASKS="})
            if (text.starts_with(prefix)) names.emplace_back(text.substr(0, text.find('=')));
    }
    for (auto const& name : names) ::unsetenv(name.c_str());
}

// In real time, with a rank per device.
int run_launched(Scenario const& scenario, std::filesystem::path const& trace, WallStart const& start,
                 Invocation const& invocation) {
    auto const file = trace.parent_path() / "scenario.toml";
    std::ofstream(file) << config::scenario_text(scenario);
    return sweep::run_program([&] {
        forget_own_launcher();
        auto words = start.program.empty() ? std::vector{invocation.executable.string()} : program_words(start.program);
        words.insert(words.end(), {"run", file.string(), "-o", trace.string()});
        execute(launch_words(start.launcher, scenario.fleet.size(), words));
    });
}

int run_here(Scenario const& scenario, std::filesystem::path const& trace, std::string const& command_line,
             int threads) {
    RunRequest request;
    request.load_scenario = [&] { return scenario; };
    request.output = trace.string();
    request.command_line = command_line;
    request.threads = threads;
    return run_alone(request);
}

// Reads the host's profile when it is first asked.
class Forecasts {
  public:
    explicit Forecasts(int threads) : threads_(threads) {}

    std::optional<sweep::KernelForecast> operator()(Scenario const& scenario) {
        auto const network = emulator::network_of(scenario);
        sweep::KernelForecast forecast;
        if (scenario.emulation.kernels) {
            if (!asked_) profile_ = profile_of_this_host();
            asked_ = true;
            auto known = profile_ ? block_seconds(*profile_, network, scenario.network.convolutions) : std::nullopt;
            if (!known) return std::nullopt;
            forecast.block_seconds = *std::move(known);
        }
        forecast.threads = std::min(static_cast<std::size_t>(threads_), scenario.fleet.size());
        forecast.dilation =
            emulator::automatic_dilation(scenario, network, forecast.block_seconds,
                                         static_cast<int>(scenario.fleet.size()) + 1, emulator::usable_cores());
        return forecast;
    }

  private:
    int threads_;
    bool asked_ = false;
    std::optional<HostProfile> profile_;
};

}  // namespace

sweep::Program sweep_program(Invocation const& invocation, WallStart const& start, int threads) {
    std::string command_line;
    for (auto const& word : invocation.arguments) command_line += (command_line.empty() ? "" : " ") + word;
    sweep::Program program;
    program.resolve = [known = std::make_shared<Known>()](Scenario scenario) {
        return resolve(std::move(scenario), *known);
    };
    program.run = [=, &invocation](Scenario const& scenario, std::filesystem::path const& trace) {
        return scenario.emulation.clock == ClockKind::wall ? run_launched(scenario, trace, start, invocation)
                                                           : run_here(scenario, trace, command_line, threads);
    };
    program.summarise = [&invocation](std::filesystem::path const& trace) {
        analysis::Options options;
        options.detail = analysis::Detail::totals;
        return analysis::summary_row(analyze_trace(trace::Reader(trace.string()), invocation, std::move(options)));
    };
    program.forecast = [forecasts = std::make_shared<Forecasts>(threads)](Scenario const& scenario) {
        return (*forecasts)(scenario);
    };
    program.host_figures = {"plan_host_mean_s"};
    auto const version = version_text();
    program.software = version.substr(0, version.find('\n'));
    program.identity = sha256_of_file("/proc/self/exe");
    return program;
}

}  // namespace skipstone::cli
