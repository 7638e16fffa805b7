#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/number_options.hpp"
#include "cli/sweep_program.hpp"
#include "config/sweep_file.hpp"
#include "emulator/host_clock.hpp"
#include "sweep/claims.hpp"
#include "sweep/estimate.hpp"
#include "sweep/folder.hpp"
#include "sweep/points.hpp"
#include "sweep/runner.hpp"
#include "sweep/status.hpp"
#include "sweep/table.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::cli {

namespace {

namespace fs = std::filesystem;

struct SweepOptions {
    std::string file;
    std::string folder;
    std::string output;  // expand: the manifest; collect: the tables
    std::optional<std::string> points;
    std::optional<int> jobs;
    WallStart start;
    bool dry = false, left = false, failed = false, json = false, estimate = true, partial = false, host = false;
};

// A sweep file, its points, and what runs them.
struct LoadedSweep {
    config::Sweep sweep;
    sweep::Program program;
    sweep::Manifest manifest;
    sweep::Folder folder;
};

std::string plural(std::size_t count, std::string const& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

int jobs_of(SweepOptions const& options) {
    return options.jobs.value_or(emulator::usable_cores());
}

// All that is wrong, up to a limit, then the exception.
[[noreturn]] void refuse(sweep::Manifest const& manifest) {
    constexpr std::size_t most = 20;
    std::size_t wrong = 0;
    for (auto const& complaint : manifest.complaints) wrong += complaint.points.size();
    for (std::size_t i = 0; i < std::min(most, manifest.complaints.size()); ++i) {
        auto const& [message, points] = manifest.complaints[i];
        auto where = sweep::ranges_text(points);
        if (where.size() > 40) where = where.substr(0, where.find_last_of(',', 40)) + ",…";
        std::fprintf(stderr, "%s (%s %s)\n", message.c_str(), points.size() == 1 ? "point" : "points", where.c_str());
    }
    if (manifest.complaints.size() > most)
        std::fprintf(stderr, "… and %zu more errors like these\n", manifest.complaints.size() - most);
    throw InputError(plural(wrong, "point") + " of " + std::to_string(manifest.points.size()) +
                     " cannot run; nothing was started");
}

std::string content(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

// Resolves the chosen points alone where the rest is known from the folder's manifest: of a large sweep, each of many
// runners needs few points.
sweep::Manifest manifest_of(SweepOptions const& options, Invocation const& invocation, config::Sweep const& sweep,
                            sweep::Program const& program, sweep::Folder const& folder) {
    if (options.points) {
        auto const chosen = sweep::parse_ranges(*options.points, sweep.points.size());
        auto manifest = sweep::expand(sweep, invocation.profiles, program.resolve, chosen);
        if (manifest.complaints.empty() && sweep::agrees(content(folder.manifest()), manifest)) return manifest;
    }
    return sweep::expand(sweep, invocation.profiles, program.resolve);
}

LoadedSweep load(SweepOptions const& options, Invocation const& invocation) {
    auto sweep = config::load_sweep(options.file, invocation.profiles);
    auto const threads = std::max(1, emulator::usable_cores() / jobs_of(options));
    auto program = sweep_program(invocation, options.start, threads);
    sweep::Folder folder(options.folder.empty() ? fs::path(options.file).stem() : fs::path(options.folder));
    auto manifest = manifest_of(options, invocation, sweep, program, folder);
    if (!manifest.complaints.empty()) refuse(manifest);
    if (manifest.duplicates > 0)
        std::fprintf(stderr,
                     "skipstone: warning: %s the same scenario as an earlier one: it runs once, and each has its row\n",
                     (plural(manifest.duplicates, "point") + (manifest.duplicates == 1 ? " has" : " have")).c_str());
    return {std::move(sweep), std::move(program), std::move(manifest), std::move(folder)};
}

// Whoever is first writes it; it is the same whoever does.
void write_manifest(LoadedSweep const& loaded) {
    auto const& points = loaded.manifest.points;
    bool const whole = std::ranges::none_of(points, [](auto const& point) { return point.id.empty(); });
    if (whole && !sweep::agrees(content(loaded.folder.manifest()), loaded.manifest))
        loaded.folder.write(loaded.folder.manifest(), sweep::manifest_text(loaded.manifest));
}

int expand(SweepOptions const& options, Invocation const& invocation) {
    auto const loaded = load(options, invocation);
    auto const& [sweep, program, manifest, folder] = loaded;
    if (options.output == "-") {
        std::fputs(sweep::manifest_text(manifest).c_str(), stdout);
        return done;
    }
    auto const to = options.output.empty() ? folder.manifest() : fs::path(options.output);
    if (options.output.empty()) {
        folder.create();
        write_manifest(loaded);
    } else {
        std::error_code error;
        auto const parent = fs::absolute(to).parent_path();
        if (!fs::is_directory(parent, error)) throw InputError({to.string(), 0, ""}, "its folder does not exist");
        refuse_to_replace_input(to);
        folder.write(to, sweep::manifest_text(manifest));
    }
    std::printf("%s of %s: %s\n", plural(manifest.points.size(), "point").c_str(), options.file.c_str(),
                to.string().c_str());
    if (!options.estimate) return done;
    std::fflush(stdout);
    auto const jobs = static_cast<std::size_t>(jobs_of(options));
    auto const wall_jobs = static_cast<std::size_t>(options.jobs.value_or(1));
    auto const estimate = sweep::estimate(sweep, invocation.profiles, manifest, folder, program, jobs, wall_jobs);
    if (estimate.left == 0)
        std::printf("none of them is left to run\n");
    else
        std::printf("%s to run, %s %s on this host, %zu at a time (%s)\n", plural(estimate.left, "point").c_str(),
                    estimate.at_least ? "at least" : "about", duration(estimate.seconds).c_str(), jobs,
                    estimate.basis.c_str());
    return done;
}

// Says how a sweep gets on: a bar on a terminal, a line now and then elsewhere, a line for each failure.
class SweepReport {
  public:
    explicit SweepReport(int points) : bar_(points) {}

    void tell(sweep::RunProgress const& progress, config::SweepFailure const* failed) {
        auto const settled = progress.done + progress.failed;
        if (failed != nullptr) {
            bar_.clear();
            std::fprintf(stderr, "%s (%s) failed: %s\n", failed->name.c_str(), failed->id.c_str(),
                         printable(failed->reason).c_str());
        }
        auto const passed = seconds();
        std::string text = std::to_string(progress.failed) + " failed";
        if (progress.held > 0) text += ", " + std::to_string(progress.held) + " run by others";
        if (progress.verified > 0 && progress.asked > settled)
            text += ", about " +
                    duration(passed * static_cast<double>(progress.asked - settled) /
                             static_cast<double>(progress.verified)) +
                    " to go";
        bar_.advance(static_cast<int>(settled), text);
        constexpr double between = 5;
        if (isatty(STDERR_FILENO) != 0 || passed - said_ < between) return;
        said_ = passed;
        std::printf("%zu of %zu points done, %s\n", progress.done, progress.asked, text.c_str());
        std::fflush(stdout);
    }
    void clear() { bar_.clear(); }
    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  private:
    ProgressBar bar_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    double said_ = 0;
};

int run(SweepOptions const& options, Invocation const& invocation) {
    auto const loaded = load(options, invocation);
    auto const& [sweep, program, manifest, folder] = loaded;
    sweep::RunOptions what;
    if (options.points) {
        what.points = sweep::parse_ranges(*options.points, manifest.points.size());
    } else {
        what.points.resize(manifest.points.size());
        std::iota(what.points.begin(), what.points.end(), std::size_t{0});
    }
    what.select = options.failed ? sweep::Select::failed : sweep::Select::left;
    what.jobs = static_cast<std::size_t>(jobs_of(options));
    what.wall_jobs = static_cast<std::size_t>(options.jobs.value_or(1));
    folder.create();
    write_manifest(loaded);
    if (!sweep::Claims(folder.claims()).work())
        std::fprintf(stderr,
                     "skipstone: warning: the file system of %s has no locks: do not let two runners run the same "
                     "points (they would do the work twice)\n",
                     folder.path().c_str());
    SweepReport report(static_cast<int>(what.points.size()));
    auto const outcome = sweep::run(sweep, invocation.profiles, manifest, folder, program, what,
                                    [&](auto const& progress, auto const* failed) { report.tell(progress, failed); });
    report.clear();
    auto const& progress = outcome.progress;
    auto const left = progress.asked - progress.done - progress.failed;
    std::printf("%s: %zu done (%zu now, in %s), %zu failed, %zu left; %s\n", plural(progress.asked, "point").c_str(),
                progress.done, progress.verified, duration(report.seconds()).c_str(), progress.failed, left,
                folder.path().c_str());
    if (outcome.signal != 0) return interrupted + outcome.signal;
    return progress.failed > 0 ? failed : done;
}

std::string amount(std::vector<sweep::Folder::Leftover> const& leftovers) {
    std::uintmax_t bytes = 0;
    for (auto const& leftover : leftovers) bytes += leftover.bytes;
    return plural(leftovers.size(), "point") + " (" + megabytes(static_cast<double>(bytes)) + ")";
}

void list(std::vector<sweep::Folder::Leftover> const& leftovers) {
    for (auto const& leftover : leftovers)
        std::printf("no longer in the sweep: %s %s\n", leftover.id.c_str(), printable(leftover.name).c_str());
}

int clean(SweepOptions const& options, Invocation const& invocation) {
    auto const [sweep, program, manifest, folder] = load(options, invocation);
    auto const leftovers = sweep::leftovers(manifest, folder);
    if (options.dry) {
        list(leftovers);
        std::printf("%s would be removed from %s\n", amount(leftovers).c_str(), folder.path().c_str());
        return done;
    }
    if (!leftovers.empty()) folder.create();  // says it where another user's cannot be removed
    auto const removed = sweep::remove(leftovers, folder);
    list(removed);
    std::printf("%s removed from %s\n", amount(removed).c_str(), folder.path().c_str());
    if (auto const busy = leftovers.size() - removed.size(); busy > 0)
        std::printf("%s left: another runner works on them\n", plural(busy, "point").c_str());
    return done;
}

int status(SweepOptions const& options, Invocation const& invocation) {
    auto const [sweep, program, manifest, folder] = load(options, invocation);
    auto const points = sweep::status(manifest, folder);
    auto const leftovers = sweep::leftovers(manifest, folder);
    auto const in = [&](sweep::PointState state) { return sweep::points_in(state, points); };
    auto const left = in(sweep::PointState::left), running = in(sweep::PointState::running);
    if (options.left) {
        if (!left.empty()) std::printf("%s\n", sweep::ranges_text(left).c_str());
        return done;
    }
    if (options.json) {
        std::fputs(sweep::status_json(manifest, points, leftovers).c_str(), stdout);
        return done;
    }
    list(leftovers);
    if (!leftovers.empty())
        std::printf("%s: the sweep changed since; \"skipstone sweep clean %s --folder %s\" removes them\n",
                    amount(leftovers).c_str(), options.file.c_str(), folder.path().c_str());
    auto const failures = in(sweep::PointState::failed);
    for (auto const index : failures)
        std::printf("point %zu, %s: failed at %s: %s\n", index, manifest.points[index].name.c_str(),
                    printable(points[index].failure->date).c_str(), printable(points[index].failure->reason).c_str());
    if (!running.empty()) std::printf("running: %s\n", sweep::ranges_text(running).c_str());
    if (!left.empty()) std::printf("left: %s\n", sweep::ranges_text(left).c_str());
    std::printf("%s: %zu done, %zu failed, %zu running, %zu left\n", plural(points.size(), "point").c_str(),
                in(sweep::PointState::done).size(), failures.size(), running.size(), left.size());
    return done;
}

int collect(SweepOptions const& options, Invocation const& invocation) {
    auto const [sweep, program, manifest, folder] = load(options, invocation);
    auto const name = options.output.empty() ? fs::path(options.file).stem().string() : options.output;
    sweep::check_table_name(name);
    auto const collected = sweep::collect(manifest, folder, program,
                                          options.host ? sweep::HostFigures::with : sweep::HostFigures::without);
    auto const& missing = collected.missing;
    if (!missing.empty()) {
        auto const text = plural(missing.size(), "point") + " of " + std::to_string(manifest.points.size()) +
                          " not done (" + sweep::ranges_text(missing) + ")";
        if (!options.partial) {
            std::fprintf(stderr, "skipstone: %s; run what is left, or take --partial\n", text.c_str());
            return failed;
        }
        std::fprintf(stderr, "skipstone: warning: %s\n", text.c_str());
    }
    if (collected.software.size() > 1)
        std::fprintf(stderr,
                     "skipstone: warning: the points were run by %zu versions of the program, %s to %s; run all of "
                     "them anew in another folder to compare like with like\n",
                     collected.software.size(), collected.software.front().c_str(), collected.software.back().c_str());
    sweep::write_table(collected.table, name);
    std::printf("%s, %s: %s.csv, %s.h5\n", plural(collected.table.rows.size(), "row").c_str(),
                plural(collected.table.figures.size(), "figure").c_str(), name.c_str(), name.c_str());
    return done;
}

constexpr char const* sweep_help =
    "A sweep file names a scenario and what changes from point to point (TOML):\n"
    "  format = \"skipstone-sweep\"\n"
    "  version = 1\n"
    "  scenario = \"khan2023\"\n"
    "  repetitions = 5                    # seeds; or seeds = [3, 14, 15]\n"
    "  [set]                              # of all points\n"
    "  emulation.clock = \"virtual\"\n"
    "  emulation.kernels = false\n"
    "  [grid]                             # every combination\n"
    "  objective.alpha = [0, 0.5, 1]\n"
    "  requests.rate = [1, 2, 4]\n"
    "and, where they are needed: name = \"alpha{objective.alpha}-{seed}\", [[list]] (keys that change together),\n"
    "[[point]] (one more point), \"fleet.devices[0].battery\" = […] (paths in quotes), {label = …, value = …}\n"
    "(a list or table as a value).\n"
    "From nothing to a table:\n"
    "  skipstone sweep expand SWEEP.toml            what will run, and for how long\n"
    "  skipstone sweep run SWEEP.toml               run what is left, on all cores; after a kill, again\n"
    "  skipstone sweep collect SWEEP.toml -o table  table.csv and table.h5, a row per point\n"
    "On a cluster, runners share the folder; none does what another one has:\n"
    "  sbatch --array=0-9 --wrap \"skipstone sweep run SWEEP.toml\"      ten runners, until nothing is left\n"
    "  seq 0 99 | parallel skipstone sweep run SWEEP.toml --points {}    GNU parallel, a process per point\n"
    "  for k in $(seq 0 99); do skipstone sweep run SWEEP.toml --points $k; done";

Action expand_action(CLI::App& app, SweepOptions& options, Invocation const& invocation) {
    app.add_option("-o,--output", options.output,
                   "write the manifest there; \"-\": to standard output, and nothing else")
        ->type_name("FILE.csv");
    app.add_flag("!--no-estimate", options.estimate, "do not run points to see how long they take");
    add_whole_option(app, "--jobs", options.jobs, "estimate for so many points at a time; default: cores", 1, 4096)
        ->type_name("N");
    app.footer(
        "The manifest is CSV: index (from 0), id, name, seed and the parameters, a line per point. The id is made\n"
        "from the resolved scenario: what does not change it leaves the point done. The estimate is the mean of what "
        "is\n"
        "done; else a few points are run for it, their kernels counted by this host's profile if `skipstone bench` "
        "made\n"
        "one for the network.");
    return [&] { return expand(options, invocation); };
}

Action run_action(CLI::App& app, SweepOptions& options, Invocation const& invocation) {
    app.add_option("--points", options.points, "only these, counted from 0: 0-9,12; default: all")->type_name("A-B,C");
    auto* const left = app.add_flag("--left", options.left, "those that are neither done nor failed (the default)");
    app.add_flag("--failed", options.failed, "those that failed, again")->excludes(left);
    add_whole_option(app, "--jobs", options.jobs,
                     "points at a time; default: one per core, but those with the wall clock one after the other", 1,
                     4096)
        ->type_name("N");
    app.add_option("--launcher", options.start.launcher,
                   "what starts the ranks of a point with the wall clock: \"srun --mpi=pmix\"; -n RANKS is added, "
                   "unless {ranks} stands in it; default: mpirun")
        ->type_name("WORDS");
    app.add_option("--program", options.start.program,
                   "what the launcher starts in every rank: \"apptainer exec image.sif skipstone\"; default: this "
                   "executable")
        ->type_name("WORDS");
    app.footer(
        "A point is done when its trace is complete and verified. Killed at any time, the sweep goes on where it was:\n"
        "what is verified is not run again, what was running starts anew with the same seed. Points that another "
        "runner\n"
        "has are waited for, and taken over when it dies.\n"
        "Exit status: 0 all points that were asked for are done, whoever ran them; 1 some failed; 2 bad input;\n"
        "130/143 interrupted.");
    return [&] { return run(options, invocation); };
}

Action status_action(CLI::App& app, SweepOptions& options, Invocation const& invocation) {
    app.add_flag("--left", options.left, "print the indices of the points that are left, and nothing else: 3,17-20");
    app.add_flag("--json", options.json, "print JSON");
    return [&] { return status(options, invocation); };
}

Action clean_action(CLI::App& app, SweepOptions& options, Invocation const& invocation) {
    app.add_flag("--dry-run", options.dry, "list them, and remove nothing");
    app.footer(
        "A folder that several sweep files share holds points that are not in this one: do not clean it.");
    return [&] { return clean(options, invocation); };
}

Action collect_action(CLI::App& app, SweepOptions& options, Invocation const& invocation) {
    app.add_option("-o,--output", options.output, "write NAME.csv and NAME.h5; default: the sweep file's name")
        ->type_name("NAME");
    app.add_flag("--partial", options.partial, "collect what is done, even if points are missing");
    app.add_flag("--host", options.host,
                 "also what depends on the host: planning time, and how long each point took; without it the table is "
                 "the same, byte for byte, wherever and however the points were run");
    return [&] { return collect(options, invocation); };
}

}  // namespace

Action add_sweep_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<SweepOptions>();
    app.require_subcommand(1);
    app.footer(sweep_help);
    std::vector<std::pair<CLI::App*, Action>> actions;
    auto const add = [&](char const* name, char const* description, char const* folder, auto adder) {
        auto* const command = app.add_subcommand(name, description);
        command->add_option("sweep", options->file, "the sweep file")->required()->type_name("SWEEP.toml");
        command->add_option(folder, options->folder, "the sweep's folder; default: the sweep file's name without .toml")
            ->type_name("DIR");
        actions.emplace_back(command, adder(*command, *options, invocation));
    };
    add("expand", "say what a sweep's points are, and how long they take", "--folder", expand_action);
    add("run", "run points, several at a time, until none is left", "-o,--output,--folder", run_action);
    add("status", "say which points are done, failed, running and left", "-o,--output,--folder", status_action);
    add("clean", "remove traces of points that are no longer in the sweep", "-o,--output,--folder", clean_action);
    add("collect", "write a table of all points and what they gave", "--folder", collect_action);
    return [options, actions] {
        for (auto const& [command, action] : actions)
            if (command->parsed()) return action();
        return static_cast<int>(bad_input);
    };
}

}  // namespace skipstone::cli
