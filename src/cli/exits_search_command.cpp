#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/exits_commands.hpp"
#include "cli/exits_scenario.hpp"
#include "cli/exits_search_report.hpp"
#include "cli/number_options.hpp"
#include "config/exit_rules.hpp"
#include "config/exit_table_file.hpp"
#include "config/units_text.hpp"
#include "exits/trade_off_text.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/output_file.hpp"

namespace skipstone::cli {

namespace {

namespace fs = std::filesystem;
using namespace exits;

struct SearchOptions {
    std::vector<std::string> tables, reports;
    ExitsScenario scenario;
    std::string minimise;
    std::optional<std::string> max_loss, max_macs, max_latency;
    std::string output, trade_off;
    std::optional<int> thresholds;
    int most_exits = 3, threads = 0;
    bool grid_only = false;
};

// "1 %" or "0.01".
double share_of(std::string const& option, std::string const& text, double most) {
    std::string const what = "a share such as \"1 %\" or 0.01";
    auto number = text;
    bool const is_percent = !number.empty() && number.back() == '%';
    if (is_percent) number.pop_back();
    number = CLI::detail::trim_copy(number);
    double const value =
        number_of_option(option, text, [&](auto const&) { return parse_decimal(number, what.c_str()); }) /
        (is_percent ? 100 : 1);
    if (!(value >= 0 && value <= most))
        throw InputError(option + " " + text + ": must be " + what + ", from 0 to " + config::number_text(most));
    return value;
}

// MACs of a request: "50 %" of the whole network's, or "60 MMAC".
double max_macs_of(SearchOptions const& options, double whole) {
    if (!options.max_macs) return std::numeric_limits<double>::infinity();
    if (options.max_macs->find('%') != std::string::npos) return whole * share_of("--max-macs", *options.max_macs, 1);
    return static_cast<double>(number_of_option("--max-macs", *options.max_macs, [](std::string const& text) {
                                   return config::parse_quantity<Macs>(text);
                               }).value());
}

Cost cost_of(SearchOptions const& options) {
    bool const with_scenario = !options.scenario.scenario.empty();
    if (options.minimise.empty() || options.minimise == "macs") return Cost::macs;
    if (options.minimise != "latency" && options.minimise != "energy")
        throw InputError("--minimise " + options.minimise + ": must be macs, latency or energy");
    if (!with_scenario)
        throw InputError("--minimise " + options.minimise + ": needs devices; give a scenario with --scenario");
    return options.minimise == "latency" ? Cost::latency : Cost::energy;
}

std::vector<NamedTable> read_tables(std::vector<std::string> const& files) {
    std::vector<NamedTable> tables;
    for (auto const& file : files) tables.push_back({file, config::read_exit_table(file)});
    return tables;
}

// The table with nothing dropped first: it says what is lost.
std::vector<NamedTable> tables_of(SearchOptions const& options) {
    auto tables = read_tables(options.tables);
    require_same_samples(tables);
    auto const whole = std::ranges::find_if(tables, [](auto const& named) { return named.table.dropped.empty(); });
    if (whole == tables.end())
        throw InputError({tables.front().file, 0, ""}, "has " + dropped_text(tables.front().table.dropped) +
                                                           "; a table of the whole network is needed beside it, since "
                                                           "losses are counted from that");
    std::rotate(tables.begin(), whole, whole + 1);
    return tables;
}

// As the rules are to name it: from where they will lie.
std::string seen_from(fs::path const& rules, std::string const& file) {
    auto const folder = fs::absolute(rules).parent_path();
    return fs::absolute(file).lexically_normal().lexically_proximate(folder.lexically_normal()).string();
}

std::vector<SearchReport::Elsewhere> report_on(SearchOptions const& options, ExitRules const& rules) {
    std::vector<SearchReport::Elsewhere> reported;
    for (auto const& named : read_tables(options.reports)) {
        auto const scored = score(named.table, rules_on(named, rules));
        reported.push_back({named.file, named.table.samples, scored.accuracy, scored.mean_macs,
                            accuracy_at_end(named.table), scored.leaving});
    }
    return reported;
}

int search_rules(SearchOptions const& options, Invocation const& invocation) {
    auto const cost = cost_of(options);
    // With a limit of MACs alone, rules are the most accurate ones within it.
    bool const most_accurate = options.max_macs && !options.max_loss;
    double max_loss = most_accurate ? 1 : share_of("--max-loss", options.max_loss.value_or("1 %"), 1);
    std::optional<Seconds> max_latency;
    if (options.max_latency) {
        if (options.scenario.scenario.empty())
            throw InputError("--max-latency " + *options.max_latency +
                             ": needs devices; give a scenario with --scenario");
        max_latency = number_of_option("--max-latency", *options.max_latency,
                                       [](std::string const& text) { return config::parse_quantity<Seconds>(text); });
    }
    for (auto const& file : {options.output, options.trade_off})
        if (!file.empty()) refuse_to_replace_input(file);
    auto const tables = tables_of(options);
    SearchReport report;
    report.whole_accuracy = accuracy_at_end(tables.front().table);
    report.whole_macs = macs_without_exits(tables.front().table);
    double const max_macs = max_macs_of(options, report.whole_macs);
    std::vector<TableWays> ways;
    for (auto const& named : tables) ways.push_back({&named, {}});
    if (!options.scenario.scenario.empty()) add_mappings(ways, options.scenario, max_latency, invocation, report);
    SearchSettings settings;
    settings.most_exits = static_cast<std::size_t>(options.most_exits);
    if (options.thresholds) settings.thresholds = static_cast<std::size_t>(*options.thresholds);
    settings.beyond_grid = !options.grid_only;
    settings.threads = options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
    auto const begin = std::chrono::steady_clock::now();
    auto const trade_off = search(ways, settings);
    double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    report.tables = &ways;
    report.trade_off = &trade_off;
    auto const wanted = std::ranges::find(trade_off.fronts, cost, &Fronts::cost);
    SKIPSTONE_ENSURE(wanted != trade_off.fronts.end());
    if (most_accurate)
        for (auto const& point : wanted->found)
            if (point.mean_macs <= max_macs * (1 + 1e-12))
                max_loss = std::min(max_loss, report.whole_accuracy - point.accuracy);
    if (auto const* point = cheapest(wanted->found, cost, report.whole_accuracy - max_loss, max_macs)) {
        report.chosen = *point;
        std::vector<std::string> files;
        for (auto const& named : tables)
            files.push_back(options.output.empty() ? named.file : seen_from(options.output, named.file));
        auto const rules = rules_of(report, *point, files);
        report.reported = report_on(options, rules);
        if (!options.output.empty()) write_file(options.output, config::exit_rules_text(rules));
    }
    if (!options.trade_off.empty()) write_file(options.trade_off, trade_off_json(report));
    std::fputs(search_text(report, {cost, max_loss, settings.beyond_grid, seconds}).c_str(), stdout);
    if (report.chosen) return done;
    std::fprintf(stderr, "skipstone: no rules keep to these limits%s\n",
                 wanted->found.empty()
                     ? ": no device assignment has the memory, work, energy and latency for the whole network"
                     : "; raise --max-loss or the other limits");
    return infeasible;
}

}  // namespace

Action add_exits_search_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<SearchOptions>();
    app.add_option("tables", options->tables,
                   "tables that `exits measure` wrote, of one data set; several: measured with other blocks dropped, "
                   "one of them with none")
        ->required()
        ->type_name("TABLE.h5...");
    app.add_option("-o,--output", options->output, "the rules that were chosen, for exits.rules of a scenario")
        ->type_name("RULES.toml");
    app.add_option("--max-loss", options->max_loss,
                   "accuracy that may be lost on the table, from that of the whole network, in points: \"1 %\" or "
                   "0.01; default: "
                   "1 %, or with --max-macs as little as possible")
        ->type_name("LOSS");
    app.add_option("--max-macs", options->max_macs,
                   "mean MACs of a request: \"50 %\" of the whole network's, or \"60 MMAC\"")
        ->type_name("MACS");
    app.add_option("--scenario", options->scenario.scenario,
                   "devices and links that the network is laid over: a file, or a name under profiles/scenarios")
        ->type_name("S");
    app.add_option("--weights", options->scenario.weights, "the weights file with the exits, instead of the scenario's")
        ->type_name("WE.h5");
    app.add_option("--set", options->scenario.sets, "override a key of the scenario; may be repeated")
        ->type_name("section.key=value")
        ->take_all()
        ->allow_extra_args(false);
    app.add_option("--targets", options->scenario.targets,
                   "the devices that may share the network, in the order of the chain; default: the fleet's")
        ->delimiter(',')
        ->type_name("A,B");
    app.add_option("--max-latency", options->max_latency, "of a request that leaves nowhere: \"50 ms\"")
        ->type_name("T");
    app.add_option("--minimise", options->minimise,
                   "macs (default), or with a scenario latency or energy: the mean of a request")
        ->type_name("COST");
    app.add_option("--report", options->reports, "tables of other samples, to score the chosen rules on")
        ->type_name("TABLE.h5");
    app.add_option("--trade-off", options->trade_off, "write the whole trade-off as JSON")->type_name("FILE.json");
    add_whole_option(app, "--most-exits", options->most_exits,
                     "exits that a set of rules may have in the grid that is tried completely", 1, 100)
        ->type_name("N")
        ->default_str("3");
    add_whole_option(
        app, "--thresholds", options->thresholds,
        "thresholds per exit in that grid, quantiles of its confidences; default: up to 50, as many as a few "
        "seconds allow",
        1, 10'000)
        ->type_name("K");
    app.add_flag("--grid-only", options->grid_only,
                 "only the grid, whose optimum is proven; no local search beyond it");
    add_whole_option(app, "--threads", options->threads, "threads that search; default: one per core", 1, 1024)
        ->type_name("N");
    app.footer(
        "Every set of rules of the grid is tried: what is called its optimum is proven to be that. Beyond it a local\n"
        "search opens any number of exits at any thresholds; what it finds is better, and no proof says how much.\n"
        "With a scenario each device gets a run of neighbouring blocks, in the order of the targets; memory, MACs of\n"
        "a round, energy and --max-latency are for one request that leaves nowhere, latency and energy are means.\n"
        "Rules are chosen on the samples of the table and fit these better than others: on others they lose more.\n"
        "Score them on a table of other samples, with --report or `skipstone exits score`.");
    return [options, &invocation] { return search_rules(*options, invocation); };
}

}  // namespace skipstone::cli
