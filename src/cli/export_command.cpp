#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "analysis/csv_export.hpp"
#include "analysis/perfetto.hpp"
#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/signals.hpp"
#include "cli/trace_analysis.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/nearest.hpp"
#include "units/output_file.hpp"

namespace skipstone::cli {

namespace {

namespace fs = std::filesystem;

struct ExportOptions {
    std::string trace, format, output, table;
};

struct Stopped {};

// A bar that a signal interrupts.
class Progress {
  public:
    explicit Progress(std::string text) : text_(std::move(text)) {}
    void show(double share) {
        if (stop_requested()) throw Stopped{};
        auto const reached = static_cast<int>(steps * share);
        if (reached == shown_) return;
        shown_ = reached;
        bar_.advance(reached, text_);
    }

  private:
    static constexpr int steps = 100;
    std::string text_;
    int shown_ = -1;
    ProgressBar bar_{steps};
};

void say_what_is_missing(trace::Reader const& trace) {
    if (!trace.complete())
        std::fprintf(stderr, "skipstone: warning: %s is not complete; exported: its %d finished rounds\n",
                     trace.path().c_str(), trace.committed_rounds());
}

void export_perfetto(trace::Reader const& trace, fs::path const& output) {
    write_file(output, [&](std::ostream& out) {
        Progress progress("% of the rounds");
        analysis::write_perfetto(trace, out, [&](std::int32_t rounds) {
            progress.show(static_cast<double>(rounds) / trace.committed_rounds());
        });
    });
    std::fprintf(stderr, "%s: open it at ui.perfetto.dev or in chrome://tracing\n", output.c_str());
}

void export_table(trace::Reader const& trace, std::string const& table, std::ostream& out) {
    Progress progress("% of " + table);
    analysis::write_csv(trace, table, out, [&](double share) { progress.show(share); });
}

void check_table(std::string const& table) {
    auto const known = analysis::csv_tables();
    if (std::ranges::find(known, table) == known.end())
        throw InputError("--table: there is no table \"" + table + "\"; the nearest is \"" + nearest(table, known) +
                         "\"");
}

void export_csv(trace::Reader const& trace, ExportOptions const& options) {
    auto const known = analysis::csv_tables(trace);
    if (!options.table.empty() && std::ranges::find(known, options.table) == known.end())
        throw InputError({options.trace, 0, ""}, "has no table \"" + options.table + "\": its run made none");
    fs::path const output = options.output;
    std::error_code unknown;
    bool const is_file = fs::exists(output, unknown) ? !fs::is_directory(output, unknown)
                                                     : output.has_filename() && output.has_extension();
    if (is_file) {
        write_file(output, [&](std::ostream& out) {
            export_table(trace, options.table.empty() ? "events" : options.table, out);
        });
        std::fprintf(stderr, "%s\n", output.c_str());
        return;
    }
    std::error_code error;
    fs::create_directories(output, error);
    if (error) throw InputError({options.output, 0, ""}, "the folder cannot be made (" + error.message() + ")");
    auto const tables = options.table.empty() ? known : std::vector{options.table};
    for (auto const& table : tables) {
        auto const name = table + ".csv";
        write_file_in(output, name, [&](std::ostream& out) { export_table(trace, table, out); });
        std::fprintf(stderr, "%s\n", (output / name).c_str());
    }
}

int run_export(ExportOptions const& options) {
    if (!options.table.empty()) {
        if (options.format != "csv") throw InputError("--table goes with --to csv only");
        check_table(options.table);
    }
    auto const trace = open_trace(options.trace);
    refuse_to_replace_input(options.output);
    say_what_is_missing(trace);
    on_signals(OnSignal::remember);
    try {
        if (options.format == "perfetto")
            export_perfetto(trace, options.output);
        else
            export_csv(trace, options);
    } catch (Stopped const&) {
        std::fprintf(stderr, "skipstone: interrupted; what was being written is removed\n");
        return interrupted + last_signal();
    }
    return done;
}

}  // namespace

Action add_export_command(CLI::App& app, Invocation const&) {
    auto options = std::make_shared<ExportOptions>();
    app.add_option("trace", options->trace, "a trace; of an unfinished one, the finished rounds")
        ->required()
        ->type_name("TRACE");
    app.add_option("--to", options->format, "perfetto: JSON for ui.perfetto.dev; csv: tables")
        ->required()
        ->check(CLI::IsMember({"perfetto", "csv"}))
        ->type_name("FORMAT");
    app.add_option("-o,--output", options->output, "the file to write; csv: or a folder, which a name without an ending like .csv stands for")
        ->required()
        ->type_name("FILE");
    std::string names;
    for (auto const& table : analysis::csv_tables()) names += (names.empty() ? "" : ", ") + table;
    app.add_option("--table", options->table, "csv: one of " + names)->type_name("NAME");
    app.footer(
        "perfetto: a process per device, with tracks for its processor and its radio, arrows from each\n"
        "  transmission to its reception, and its battery; emulated time.\n"
        "csv: into a file (TABLE.csv), one table (events, unless --table names another); into a folder (a name\n"
        "  without an ending, made if it is not there), every table or the one of --table, as FOLDER/TABLE.csv. Columns are those of the trace, with units in the heading:\n"
        "  \"begin_s [s]\". An empty cell: no value; -1: none (a device, a peer, a class).\n"
        "Examples:\n"
        "  skipstone export trace.h5 --to perfetto -o trace.json\n"
        "  skipstone export trace.h5 --to csv -o events.csv\n"
        "  skipstone export trace.h5 --to csv -o tables/");
    return [options] { return run_export(*options); };
}

}  // namespace skipstone::cli
