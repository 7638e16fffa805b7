#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/exits_commands.hpp"
#include "config/exit_rules.hpp"
#include "config/exit_table_file.hpp"
#include "exits/rules_on_table.hpp"
#include "units/proportion.hpp"

namespace skipstone::cli {

namespace {

using Json = nlohmann::ordered_json;

struct ScoreOptions {
    std::vector<std::string> tables;
    std::string rules;
    bool json = false;
};

// What rules gave on one table.
struct Scored {
    exits::NamedTable const& named;
    ExitScore score;
    std::vector<long> left;  // samples per rule, and at the end
    long right = 0;
    ProportionInterval interval;
    ExitRules::Promised const* promised = nullptr;  // for the same dropped blocks
};

Scored score_on(exits::NamedTable const& named, ExitRules const& rules) {
    Scored scored{named, score(named.table, exits::rules_on(named, rules)), {}, 0, {}, nullptr};
    auto const samples = static_cast<double>(named.table.samples);
    for (double const share : scored.score.leaving) scored.left.push_back(std::lround(share * samples));
    scored.right = std::lround(scored.score.accuracy * samples);
    scored.interval = confidence_interval(scored.right, static_cast<long>(named.table.samples));
    for (auto const& promised : rules.promised)
        if (promised.dropped == named.table.dropped) scored.promised = &promised;
    return scored;
}

Json json_of(Scored const& scored, ExitRules const& rules) {
    auto const& table = scored.named.table;
    Json json{{"table", scored.named.file},
              {"network", table.network},
              {"dataset", table.dataset},
              {"dropped", table.dropped},
              {"samples", table.samples},
              {"accuracy", scored.score.accuracy},
              {"correct", scored.right},
              {"confidence", {scored.interval.low, scored.interval.high}},
              {"mean_macs", scored.score.mean_macs},
              {"leaving", scored.score.leaving},
              {"left", scored.left}};
    json["exits"] = Json::array();
    for (auto const& rule : rules.rules) json["exits"].push_back({{"exit", rule.exit}, {"threshold", rule.threshold}});
    json["whole"] = {{"accuracy", exits::accuracy_at_end(table)}, {"macs", exits::macs_without_exits(table)}};
    return json;
}

std::string text_of(Scored const& scored, ExitRules const& rules) {
    auto const& table = scored.named.table;
    double const whole_accuracy = exits::accuracy_at_end(table), whole_macs = exits::macs_without_exits(table);
    auto const mean = [](double macs) { return count_text(macs, "MAC"); };
    std::string text = scored.named.file + ": " + table.network + ", " + table.dataset + ", " +
                       std::to_string(table.samples) + " samples, " + exits::dropped_text(table.dropped) + "\n\n";
    TextTable figures({{"", Align::left}, {"accuracy"}, {"95 % interval"}, {"mean MACs"}, {"saved"}});
    auto const saved = [&](double macs) { return percent(1 - macs / whole_macs, 2); };
    figures.add({"with these rules", percent(scored.score.accuracy),
                 percent(scored.interval.low) + " ... " + percent(scored.interval.high), mean(scored.score.mean_macs),
                 saved(scored.score.mean_macs)});
    figures.add({"without exits", percent(whole_accuracy), "", mean(whole_macs), saved(whole_macs)});
    if (scored.promised)
        figures.add({"promised", percent(scored.promised->accuracy), "", mean(scored.promised->mean_macs),
                     saved(scored.promised->mean_macs)});
    text += figures.text() + "\n";
    TextTable leaving({{"leave at", Align::left}, {"threshold"}, {"samples"}, {"share"}, {"promised"}});
    for (std::size_t r = 0; r < scored.left.size(); ++r) {
        bool const is_end = r == rules.rules.size();
        leaving.add({is_end ? "end" : rules.rules[r].exit, is_end ? "" : config::number_text(rules.rules[r].threshold),
                     std::to_string(scored.left[r]), percent(scored.score.leaving[r]),
                     scored.promised ? percent(scored.promised->leaving[r]) : ""});
    }
    return text + leaving.text();
}

int score_rules(ScoreOptions const& options) {
    auto const rules = config::load_exit_rules(options.rules);
    std::vector<exits::NamedTable> tables;
    for (auto const& file : options.tables) tables.push_back({file, config::read_exit_table(file)});
    std::vector<Scored> scored;
    for (auto const& table : tables) scored.push_back(score_on(table, rules));
    if (options.json) {
        auto list = Json::array();
        for (auto const& one : scored) list.push_back(json_of(one, rules));
        std::puts((list.size() == 1 ? list.front() : list).dump().c_str());
        return done;
    }
    for (std::size_t s = 0; s < scored.size(); ++s)
        std::fputs(((s > 0 ? "\n" : "") + text_of(scored[s], rules)).c_str(), stdout);
    return done;
}

}  // namespace

Action add_exits_score_command(CLI::App& app, Invocation const&) {
    auto options = std::make_shared<ScoreOptions>();
    app.add_option("tables", options->tables, "tables that `exits measure` wrote")
        ->required()
        ->type_name("TABLE.h5...");
    app.add_option("--rules", options->rules, "rules that `exits search` wrote, or that were written by hand")
        ->required()
        ->type_name("RULES.toml");
    app.add_flag("--json", options->json,
                 "print JSON: one object, or a list for several tables; accuracy, mean_macs, leaving (shares per rule, "
                 "then the end), left (the same in samples), ...");
    app.footer(
        "Each sample of a table leaves at the first rule whose confidence it has there: what a run with these\n"
        "samples does, to the last count. Rules that were chosen on a table look better on it than they are:\n"
        "score them on samples that neither heads nor rules were chosen by.");
    return [options] { return score_rules(*options); };
}

}  // namespace skipstone::cli
