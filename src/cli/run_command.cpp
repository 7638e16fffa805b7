#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/launcher.hpp"
#include "cli/run_session.hpp"
#include "cli/scenario_options.hpp"
#include "config/scenario_file.hpp"
#include "config/toml_reader.hpp"
#include "emulator/setup.hpp"
#include "mpi/communicator.hpp"
#include "planner/planner.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

namespace {

struct RunOptions {
    std::string scenario, output;
    std::optional<std::string> clock, dilation, planner, rounds, seed, kernels, weights, images;
    std::vector<std::string> sets;
    bool quiet = false, strict = false, launch = false, print_config = false, force = false;
};

Scenario load(RunOptions const& options, Invocation const& invocation) {
    std::vector<config::Override> overrides;
    auto add = [&](char const* option, char const* key, std::optional<std::string> const& value) {
        if (value) overrides.push_back(option_override(option, key, *value));
    };
    for (auto const& set : options.sets) overrides.push_back(config::parse_override(set));
    add("--clock", "emulation.clock", options.clock);
    add("--dilation", "emulation.dilation", options.dilation);
    add("--planner", "planner.name", options.planner);
    add("--weights", "network.weights", options.weights);
    if (options.kernels) {
        if (*options.kernels != "on" && *options.kernels != "off")
            throw InputError("--kernels " + *options.kernels + ": must be on or off");
        add("--kernels", "emulation.kernels", *options.kernels == "on" ? "true" : "false");
    }
    add("--rounds", "rounds.count", options.rounds);
    add("--seed", "seed", options.seed);
    return config::load_scenario(options.scenario, overrides, invocation.profiles);
}

// What was read from a pipe cannot be read again by the ranks: it becomes their standard input.
void give_to_standard_input(std::string const& text) {
    int const file = ::memfd_create("scenario", MFD_CLOEXEC);
    bool const whole = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!whole || ::lseek(file, 0, SEEK_SET) != 0 || ::dup2(file, STDIN_FILENO) < 0)
        throw EnvironmentError::from_errno("memfd_create");
}

// With a rank per device and one for the coordinator.
int launch_ranks(std::size_t devices, RunOptions const& options, Invocation const& invocation) {
    std::error_code ignored;
    auto const status = std::filesystem::status(options.scenario, ignored);
    bool const once = std::filesystem::exists(status) && std::filesystem::is_other(status);
    if (once) give_to_standard_input(config::read_text_file(options.scenario));
    std::vector<std::string> program{invocation.executable.string()};
    for (std::size_t i = 1; i < invocation.arguments.size(); ++i) {
        auto const& word = invocation.arguments[i];
        if (word != "--launch") program.push_back(once && word == options.scenario ? "/dev/stdin" : word);
    }
    if (auto const width = line_width(); width > 0)  // the ranks write to a pipe
        ::setenv("COLUMNS", std::to_string(width).c_str(), 1);
    return launch(launch_words("", devices, program), once ? LauncherInput::ours : LauncherInput::none);
}

int run(RunOptions const& options, Invocation const& invocation) {
    RunRequest request;
    request.load_scenario = [&] { return load(options, invocation); };
    request.output = options.output;
    request.images = options.images;
    request.strict = options.strict;
    request.quiet = options.quiet;
    request.force = options.force;
    for (auto const& word : invocation.arguments)
        request.command_line += (request.command_line.empty() ? "" : " ") + word;
    if (options.print_config && mpi::launched_rank() > 0) return done;  // rank 0 prints it
    if (!options.print_config)
        if (auto const refused = refused_among_strangers()) return *refused;
    bool const launched = mpi::launched();
    if (options.print_config || (options.launch && !launched)) {
        auto const scenario = emulator::with_weights_metadata(request.load_scenario());
        if (!options.print_config) return launch_ranks(scenario.fleet.size(), options, invocation);
        std::fputs(config::scenario_text(scenario).c_str(), stdout);
        return done;
    }
    int const status = launched ? run_as_rank(request) : run_alone(request);
    if (status < interrupted) return status;
    std::fflush(nullptr);
    std::_Exit(status);  // a planner may still be at work
}

}  // namespace

Action add_run_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<RunOptions>();
    std::string known;
    for (auto const name : planner::names()) known += (known.empty() ? "" : ", ") + std::string(name);
    app.add_option("scenario", options->scenario, "scenario: a file, or a name under profiles/scenarios")
        ->required()
        ->type_name("SCENARIO");
    app.add_option("-o,--output", options->output,
                   "trace to write; default: SCENARIO-PLANNER-CLOCK.h5, such as khan2023-exact-wall.h5")
        ->type_name("FILE");
    app.add_option("--clock", options->clock, "wall: in real time, a rank per device; virtual: as fast as the host can")
        ->type_name("wall|virtual");
    app.add_option("--dilation", options->dilation,
                   "real seconds per emulated second under the wall clock; auto: what the host keeps up with")
        ->type_name("X|auto");
    app.add_option("--planner", options->planner, "one of " + known)->type_name("NAME");
    app.add_option("--rounds", options->rounds, "number of rounds")->type_name("N");
    app.add_option("--seed", options->seed, "seed of links, arrivals, jitter, images and weights")->type_name("N");
    app.add_option("--images", options->images,
                   "PNG or JPEG file, a folder of them, a folder of such folders (one per class), a CIFAR-10 batch "
                   "(.bin, .bin.xz), or HDF5 with `inputs` [N,H,W,C]; default: synthetic")
        ->type_name("PATH");
    app.add_option("--weights", options->weights,
                   "trained weights (HDF5), or a model in ONNX; default: He-initialised from the seed")
        ->type_name("FILE");
    app.add_option("--kernels", options->kernels, "off: times, energy and plans only, nothing is computed")
        ->type_name("on|off");
    app.add_option("--set", options->sets, "override a key of the scenario; may be repeated")
        ->type_name("section.key=value")
        ->take_all()
        ->allow_extra_args(false);
    app.add_flag("-q,--quiet", options->quiet,
                 "print nothing but errors, warnings, what cannot be trusted, and where the trace is");
    app.add_flag("--force", options->force,
                 "replace what is there already: a finished trace under the default name, one of a run that took more "
                 "than ten minutes, or a file that is no trace");
    app.add_flag("--strict,!--no-strict", options->strict,
                 "exit with 4 when more than 1 % of the events are late (wall clock)");
    app.add_flag("--launch", options->launch, "start mpirun with the ranks that the scenario needs");
    app.add_flag("--print-config", options->print_config, "print the resolved scenario and do nothing else");
    return [options, &invocation] { return run(*options, invocation); };
}

}  // namespace skipstone::cli
