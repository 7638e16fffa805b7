#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "kernels/host.hpp"
#include "mpi/communicator.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/nearest.hpp"
#include "units/plain_text.hpp"
#include "units/what_happened.hpp"

namespace {

using namespace skipstone;

// CLI11 complains of what is missing first, and knows no similar names. Throws InputError for the first word that looks
// like an option and is none.
void refuse_unknown_option(CLI::App const& app) {
    auto const* command = &app;
    std::string name = "skipstone";
    for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = command->get_subcommands()) {
        command = chosen.front();
        name += " " + command->get_name();
    }
    std::vector<std::string> known;
    for (auto const* const option : command->get_options())
        for (auto const& word : option->get_lnames()) known.push_back("--" + word);
    for (auto const& word : app.remaining(true)) {
        auto const given = word.substr(0, word.find('='));
        if (given.size() > 2 && std::ranges::find(known, given) != known.end())
            throw InputError(given + ": stands behind \"--\", where no options are; put it before that");
        if (auto const problem = lookalike(given); !problem.empty()) throw InputError(word + ": " + problem);
        if (given.size() > 1 && given.front() == '-' && given.find_first_of("0123456789.") != 1)
            throw InputError("`" + name + "` has no option " + given + "; the nearest is " + nearest(given, known) +
                             " (all: " + name + " --help)");
    }
}

int run(int argc, char** argv) {
    CLI::App app{
        "Skipstone emulates a cluster of IoT devices that runs a real neural network.\n"
        "Each MPI rank is one device; a planner decides every round which device runs\n"
        "which block, and which blocks are dropped; everything goes to an HDF5 trace.",
        "skipstone"};
    app.set_version_flag("--version", cli::version_text);
    app.require_subcommand(1);
    app.footer(
        "First steps:\n"
        "  skipstone run khan2023 --launch                   the paper's cluster in real time, a process per device\n"
        "  skipstone run khan2023 --clock virtual            the same as fast as this host can, in one process\n"
        "  skipstone plan khan2023 --planner exact,greedy,ga compare planners on its first round\n"
        "Packed weights and imported models are kept in ~/.cache/skipstone: at most 2 GB each; remove them when you like.\n"
        "SKIPSTONE_CACHE=FOLDER puts them elsewhere, SKIPSTONE_CACHE=off does without.\n"
        "Exit status: 0 done, 1 failed, 2 bad input or usage, 3 infeasible, 4 not faithful (--strict), 130/143 "
        "interrupted\n(mpirun itself ends with 1 then; --launch passes the status on).");
    std::filesystem::path const executable = std::filesystem::read_symlink("/proc/self/exe");
    cli::Invocation invocation{{argv, argv + argc}, executable, config::default_profile_folders(executable)};
    invocation.profiles.weights_file = [](std::string const& path) { return cli::weights_file(path); };

    for (auto const& folder : invocation.profiles.built_in) protect_folder(folder);

    std::vector<std::pair<CLI::App*, cli::Action>> actions;
    auto add = [&](char const* name, char const* description, auto adder) {
        auto* const command = app.add_subcommand(name, description);
        actions.emplace_back(command, adder(*command, invocation));
    };
    add("run", "emulate a scenario and write its trace", cli::add_run_command);
    add("plan", "plan one round with one or more planners and compare them", cli::add_plan_command);
    add("networks", "list networks, or the blocks, operators and tensors of one", cli::add_networks_command);
    add("bench", "measure how fast this host computes a network's blocks", cli::add_bench_command);
    add("study", "measure what a trained network's accuracy is without some of its blocks", cli::add_study_command);
    add("exits", "early exits of a trained network: train heads, measure, search and score rules", cli::add_exits_command);
    add("calibrate", "find the ranges that a network's int8 version needs, from images", cli::add_calibrate_command);
    add("infer", "run a network on inputs, and write what it gives", cli::add_infer_command);
    add("analyze", "say where a trace's time and energy went, and whether its plans were right",
        cli::add_analyze_command);
    add("export", "write a trace for other programs: Perfetto, spreadsheets", cli::add_export_command);
    add("watch", "follow a run through its trace while it goes on", cli::add_watch_command);
    add("sweep", "run a scenario many times with other parameters and seeds, and tabulate", cli::add_sweep_command);
    add("import", "make a weights file of a network in ONNX", cli::add_import_command);
    add("check", "say what is wrong with a scenario, profile, instance, weights file or trace, and where",
        cli::add_check_command);
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& error) {
        if (mpi::launched_rank() > 0) return cli::done;  // rank 0 says it
        if (argc == 1) {
            std::fputs(app.help().c_str(), stdout);
            std::fputs("skipstone: name a subcommand\n", stderr);
            return cli::bad_input;
        }
        if (error.get_exit_code() != 0) refuse_unknown_option(app);
        // CLI11 says no more of an unknown subcommand than that one is required.
        auto const rest = app.remaining();
        if (error.get_name() == "RequiredError" && app.get_subcommands().empty() && !rest.empty()) {
            std::vector<std::string> names;
            for (auto const& [command, action] : actions) names.push_back(command->get_name());
            throw InputError("there is no subcommand \"" + rest.front() + "\"; the nearest is \"" +
                             nearest(rest.front(), names) + "\"");
        }
        return app.exit(error) == 0 ? cli::done : cli::bad_input;
    }
    for (auto const& [command, action] : actions)
        if (command->parsed()) return action();
    return cli::bad_input;
}

// What was printed is whole, or the command has failed: its output may have gone into a file on a full disk.
void require_all_printed() {
    bool const streamed = static_cast<bool>(std::cout.flush());
    if (!streamed || std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        throw EnvironmentError("write(standard output)", "not all could be written");
}

// Files that are opened take the lowest free numbers: one that took that of standard output would get what is printed.
void open_closed_streams() {
    for (int const stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(stream, F_GETFD) == -1) ::open("/dev/null", O_RDWR);
}

}  // namespace

int main(int argc, char** argv) {
    open_closed_streams();
    kernels::use_threads(kernels::usual_threads());
    try {
        int const status = run(argc, argv);
        if (status == cli::done) require_all_printed();
        return status;
    } catch (skipstone::InputError const& error) {
        std::fprintf(stderr, "skipstone: %s\n", error.what());
        return skipstone::cli::bad_input;
    } catch (std::exception const& error) {
        std::fprintf(stderr, "skipstone: %s\n", skipstone::what_happened(error).c_str());
        return skipstone::cli::failed;
    }
}
