#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/number_options.hpp"
#include "cli/plan_report.hpp"
#include "cli/scenario_options.hpp"
#include "config/instance_json.hpp"
#include "config/scenario_file.hpp"
#include "emulator/course.hpp"
#include "emulator/setup.hpp"
#include "planner/planner.hpp"
#include "units/error.hpp"
#include "units/output_file.hpp"

namespace skipstone::cli {

namespace {

struct PlanOptions {
    std::string scenario, instance;
    std::string planners;
    std::string goal;
    std::optional<int> round;
    std::optional<int> requests;
    std::optional<std::string> time_limit;
    bool json = false;
    std::string dump;
    std::vector<std::string> sets;
    std::optional<std::uint64_t> seed;
};

struct Problem {
    Instance instance;
    planner::Options options;
    std::shared_ptr<timeline::Conditions> conditions;  // what options.conditions points to
    std::string default_planner;
};

std::vector<std::string> chosen_planners(PlanOptions const& options) {
    auto const fail = [&](std::string const& problem) {
        throw InputError("--planner " + options.planners + ": " + problem);
    };
    auto const known = planner::names();
    std::vector<std::string> names;
    for (auto const& word : CLI::detail::split(plain_text(options.planners), ',')) {
        auto const name = CLI::detail::trim_copy(word);
        if (name.empty()) continue;
        if (std::ranges::find(known, name) == known.end())
            fail("there is no planner \"" + name + "\"; " + planner::choice_text(name));
        names.push_back(name);
    }
    if (names.empty()) fail("names no planner");
    return names;
}

Goal goal_of(PlanOptions const& options) {
    if (options.goal == "latency") return Goal::latency;
    if (options.goal == "throughput") return Goal::throughput;
    throw InputError("--goal " + options.goal + ": must be \"latency\" or \"throughput\"");
}

Problem problem_of_scenario(PlanOptions const& options, Invocation const& invocation) {
    std::vector<config::Override> overrides;
    for (auto const& set : options.sets) overrides.push_back(config::parse_override(set));
    if (options.seed) overrides.push_back(option_override("--seed", "seed", std::to_string(*options.seed)));
    if (options.requests)
        overrides.push_back(option_override("--requests", "requests.count", std::to_string(*options.requests)));
    if (!options.goal.empty()) {
        // The scenario's planner is one for its own goal.
        auto const own = config::load_scenario(options.scenario, overrides, invocation.profiles);
        auto const goal = goal_of(options);
        overrides.push_back(option_override("--goal", "objective.goal", options.goal));
        if (!options.planners.empty())
            overrides.push_back(option_override("--planner", "planner.name", chosen_planners(options).front()));
        else if (goal != own.objective.goal)
            overrides.push_back(option_override("--goal", "planner.name", std::string(config::default_planner(goal))));
    }
    auto const scenario =
        emulator::with_weights_metadata(config::load_scenario(options.scenario, overrides, invocation.profiles));
    if (scenario.objective.threshold_without_table)
        std::fprintf(stderr,
                     "skipstone: warning: objective.accuracy_threshold has no effect: there is no accuracy table\n");
    auto const network = emulator::network_of(scenario);
    emulator::Course course(scenario, network);
    auto round = course.next();
    while (round.state.round.value() < options.round.value_or(0)) round = course.next();
    Problem problem;
    problem.conditions = std::make_shared<timeline::Conditions>(emulator::conditions_of(scenario, round.state));
    problem.instance = course.instance();
    problem.options.gap = scenario.planner.gap;
    problem.options.seed = scenario.seed;
    problem.options.conditions = problem.conditions.get();
    problem.options.ready = emulator::ready_of(scenario, round.state);
    problem.options.stages = scenario.planner.stages;
    problem.default_planner = scenario.planner.name;
    return problem;
}

Problem problem_of_instance(PlanOptions const& options) {
    Problem problem;
    problem.instance = config::load_instance(options.instance);
    if (!options.goal.empty()) {
        problem.instance.goal = goal_of(options);
        if (problem.instance.goal == Goal::throughput) problem.instance.memory = MemoryModel::resident;
    }
    if (options.requests) problem.instance.requests = *options.requests;
    if (options.seed) problem.options.seed = *options.seed;
    problem.default_planner = std::string(config::default_planner(problem.instance.goal));
    return problem;
}

std::optional<double> time_limit(PlanOptions const& options) {
    if (!options.time_limit) return std::nullopt;
    char const* const what = "a number of seconds above 0";
    auto const seconds = number_of_option("--time-limit", *options.time_limit,
                                          [&](auto const& text) { return parse_decimal(text, what); });
    if (!(seconds > 0)) throw InputError("--time-limit " + *options.time_limit + ": must be " + what);
    return seconds;
}

int plan(PlanOptions const& options, Invocation const& invocation) {
    if (options.scenario.empty() == options.instance.empty())
        throw InputError("plan: give a scenario, or an instance with --instance FILE");
    if (!options.instance.empty() && options.round) throw InputError("--round: an instance is one round; leave it out");
    if (!options.instance.empty() && !options.sets.empty())
        throw InputError("--set " + options.sets.front() + ": an instance has no keys of a scenario; change the file");
    auto names = options.planners.empty() ? std::vector<std::string>() : chosen_planners(options);
    auto problem = options.instance.empty() ? problem_of_scenario(options, invocation) : problem_of_instance(options);
    problem.options.time_limit_s = time_limit(options);
    if (!options.dump.empty()) write_file(options.dump, config::instance_text(problem.instance));
    if (names.empty()) names.push_back(problem.default_planner);
    auto const medium = problem.conditions ? problem.conditions->medium : Medium::links;
    std::vector<PlanResult> results;
    for (auto const& name : names) results.push_back(planner::plan(name, problem.instance, problem.options));
    if (options.json)
        std::fputs(config::results_text(problem.instance, results).c_str(), stdout);
    else
        std::fputs(plan_report(problem.instance, results, medium).c_str(), stdout);
    for (auto const& result : results)
        if (result.admitted == 0 && result.requested > 0) return infeasible;
    return done;
}

}  // namespace

Action add_plan_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<PlanOptions>();
    app.add_option("scenario", options->scenario, "scenario: a file, or a name under profiles/scenarios")
        ->type_name("SCENARIO");
    app.add_option("--instance", options->instance, "plan this instance (JSON) instead of a scenario's round")
        ->type_name("FILE");
    std::string known;
    for (auto const name : planner::names()) known += (known.empty() ? "" : ", ") + std::string(name);
    app.add_option("--planner", options->planners, "planners to compare, separated by commas: " + known)
        ->type_name("NAME[,NAME...]");
    app.add_option("--goal", options->goal,
                   "latency, or throughput: most images per second in the steady state (pipeline, balanced and fixed "
                   "plan for it); instead of the scenario's")
        ->type_name("GOAL");
    add_whole_option(app, "--round", options->round,
                     "round of the scenario, from 0; earlier rounds drain the batteries", 0, 10'000'000)
        ->type_name("K");
    add_whole_option(app, "--requests", options->requests, "this many requests instead of the scenario's", 1, 1'000'000)
        ->type_name("R");
    app.add_option("--time-limit", options->time_limit, "seconds after which a planner gives the best it has")
        ->type_name("S");
    add_whole_option(app, "--seed", options->seed, "seed of links, arrivals and planners", 0)->type_name("N");
    app.add_option("--set", options->sets, "override a key of the scenario; may be repeated")
        ->type_name("section.key=value")
        ->take_all()
        ->allow_extra_args(false);
    app.add_option("--dump-instance", options->dump, "write the round's instance as JSON")->type_name("FILE");
    app.add_flag("--json", options->json, "print the plans as JSON: one object, or a list for several planners");
    return [options, &invocation] { return plan(*options, invocation); };
}

}  // namespace skipstone::cli
