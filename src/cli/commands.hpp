#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "config/profiles.hpp"

namespace CLI {
class App;
}

namespace skipstone::cli {

// What every command may know of how the program was called.
struct Invocation {
    std::vector<std::string> arguments;  // with the program's name
    std::filesystem::path executable;
    config::ProfileFolders profiles;
};

// A subcommand adds its options to the app and returns what it does when it was chosen; that returns the exit status.
using Action = std::function<int()>;
Action add_run_command(CLI::App& app, Invocation const& invocation);
Action add_plan_command(CLI::App& app, Invocation const& invocation);
Action add_bench_command(CLI::App& app, Invocation const& invocation);
Action add_study_command(CLI::App& app, Invocation const& invocation);
Action add_exits_command(CLI::App& app, Invocation const& invocation);
Action add_calibrate_command(CLI::App& app, Invocation const& invocation);
Action add_infer_command(CLI::App& app, Invocation const& invocation);
Action add_networks_command(CLI::App& app, Invocation const& invocation);
Action add_export_command(CLI::App& app, Invocation const& invocation);
Action add_watch_command(CLI::App& app, Invocation const& invocation);
Action add_analyze_command(CLI::App& app, Invocation const& invocation);
Action add_sweep_command(CLI::App& app, Invocation const& invocation);
Action add_import_command(CLI::App& app, Invocation const& invocation);
Action add_check_command(CLI::App& app, Invocation const& invocation);

// Name, version and the libraries' versions.
std::string version_text();

}  // namespace skipstone::cli
