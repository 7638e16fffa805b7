#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "analysis/csv.hpp"
#include "analysis/json.hpp"
#include "analysis/page.hpp"
#include "cli/analyze_report.hpp"
#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/trace_analysis.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/output_file.hpp"

namespace skipstone::cli {

namespace {

struct AnalyzeOptions {
    std::vector<std::string> traces;
    bool json = false;
    std::string csv, html, power;
};

analysis::Analysis analyze_file(trace::Reader const& trace, AnalyzeOptions const& options,
                                Invocation const& invocation) {
    constexpr int steps = 100;
    ProgressBar bar(steps);
    int shown = 0;
    analysis::Options wanted;
    wanted.progress = [&](std::int32_t rounds) {
        int const reached = static_cast<int>(static_cast<std::int64_t>(steps) * rounds / trace.committed_rounds());
        if (reached != shown) bar.advance(shown = reached, "% of " + trace.path());
    };
    return analyze_trace(trace, invocation, std::move(wanted), options.power);
}

int analyze(AnalyzeOptions const& options, Invocation const& invocation) {
    if (!options.html.empty() && options.traces.size() > 1)
        throw InputError("--html shows one trace; here are " + std::to_string(options.traces.size()));
    std::vector<trace::Reader> traces;  // opened before the first is analysed
    for (auto const& path : options.traces) traces.push_back(open_trace(path));
    refuse_to_replace_input(options.html);
    std::vector<analysis::Analysis> analyses;
    for (auto const& trace : traces) analyses.push_back(analyze_file(trace, options, invocation));
    if (!options.csv.empty()) {
        analysis::write_csv(options.csv, analyses);
        std::fprintf(stderr, "skipstone: a CSV file per table in %s\n", options.csv.c_str());
    }
    if (!options.html.empty()) {
        write_file(options.html,
                   [&](std::ostream& out) { analysis::write_page(out, analyses.front(), traces.front()); });
        std::fprintf(stderr, "skipstone: the page is %s; a browser opens it, without a network\n",
                     options.html.c_str());
    }
    if (options.json)
        analysis::write_json(std::cout, analyses);
    else
        std::cout << (analyses.size() == 1 ? analysis_text(analyses.front()) : comparison_text(analyses));
    return done;
}

}  // namespace

Action add_analyze_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<AnalyzeOptions>();
    app.add_option("traces", options->traces,
                   "traces, of which finished rounds are analysed: of a run that goes on or was killed, too; several "
                   "are put side by side")
        ->required()
        ->type_name("TRACE...");
    app.add_flag("--json", options->json, "print everything as JSON instead of tables; nothing is cut");
    app.add_option("--csv", options->csv, "also write every table as a CSV file into this folder")->type_name("DIR");
    app.add_option("--html", options->html,
                   "also write a page for a browser: timeline, plan, latencies, energy, batteries; of one trace")
        ->type_name("FILE");
    app.add_option("--power", options->power,
                   "energies with other powers: those of a device profile, for all devices, or of a file with a table "
                   "[powers]")
        ->type_name("PROFILE");
    app.footer(
        "Latency is from arrival to the last block's end; its path is computing, moving and waiting, which add up to\n"
        "it. Planned is the cost model, without queues; emulated has them. Energy is integrated from the events and\n"
        "the powers, and held against the battery ledger. Percentiles interpolate linearly.\n"
        "A file for --power that tells devices apart (what it leaves out stays as in the trace):\n"
        "  [powers]\n"
        "  \"khan2023-low*\" = {compute = \"8 W\", transmit = \"10 W\", receive = \"2 W\", idle = \"0.5 W\"}\n"
        "  gateway = {idle = \"3 W\"}\n"
        "Examples:\n"
        "  skipstone analyze trace.h5\n"
        "  skipstone analyze greedy.h5 exact.h5                     side by side, with their differences\n"
        "  skipstone analyze trace.h5 --html trace.html\n"
        "  skipstone analyze trace.h5 --json | jq .summary");
    return [options, &invocation] { return analyze(*options, invocation); };
}

}  // namespace skipstone::cli
