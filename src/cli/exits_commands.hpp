#pragma once

#include "cli/commands.hpp"

// The subcommands of `skipstone exits`.
namespace skipstone::cli {

Action add_exits_train_command(CLI::App& app, Invocation const& invocation);
Action add_exits_measure_command(CLI::App& app, Invocation const& invocation);
Action add_exits_score_command(CLI::App& app, Invocation const& invocation);
Action add_exits_search_command(CLI::App& app, Invocation const& invocation);

}  // namespace skipstone::cli
