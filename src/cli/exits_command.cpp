#include "cli/exits_commands.hpp"

#include <CLI/CLI.hpp>
#include <utility>
#include <vector>

#include "cli/exit_code.hpp"

namespace skipstone::cli {

Action add_exits_command(CLI::App& app, Invocation const& invocation) {
    app.require_subcommand(1);
    app.footer(
        "An exit is a small head behind a block: a request leaves there when the head is sure enough of its answer.\n"
        "  skipstone exits train --weights W.h5 --data TRAIN -o WE.h5       heads behind every block, W's network as "
        "it is\n"
        "  skipstone exits measure --weights WE.h5 --data SET -o TABLE.h5   what every exit says of every sample\n"
        "  skipstone exits search TABLE.h5 --max-loss \"1 %\" -o RULES.toml    which exits, at which confidence\n"
        "  skipstone exits score OTHER.h5 --rules RULES.toml                what the rules give on other samples\n"
        "Data may be a part of a file: SET@0..4999 (its first 5000 samples), SET@5000.. (the others).");
    std::vector<std::pair<CLI::App*, Action>> actions;
    auto const add = [&](char const* name, char const* description, auto adder) {
        auto* const command = app.add_subcommand(name, description);
        actions.emplace_back(command, adder(*command, invocation));
    };
    add("train", "train heads for the exits of a trained network, which stays as it is", add_exits_train_command);
    add("measure", "write a table of what every exit says of every sample", add_exits_measure_command);
    add("search", "find rules: which exits are open, at which confidence, on which devices", add_exits_search_command);
    add("score", "say what rules give on a table, by replay of its samples", add_exits_score_command);
    return [actions] {
        for (auto const& [command, action] : actions)
            if (command->parsed()) return action();
        return static_cast<int>(bad_input);
    };
}

}  // namespace skipstone::cli
