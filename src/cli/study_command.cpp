#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/launcher.hpp"
#include "cli/number_options.hpp"
#include "cli/signals.hpp"
#include "cli/study_options.hpp"
#include "cli/study_report.hpp"
#include "cli/this_host.hpp"
#include "emulator/host_clock.hpp"
#include "kernels/host.hpp"
#include "mpi/communicator.hpp"
#include "study/study.hpp"
#include "study/study_table.hpp"
#include "units/error.hpp"
#include "units/output_file.hpp"

namespace skipstone::cli {

namespace {

using namespace study;
namespace fs = std::filesystem;

Identity identity(StudyOptions const& options, Workplace const& workplace, StudyTask const& task) {
    auto const& [plan, convolutions, calibration] = task;
    Identity identity{{"program", SKIPSTONE_VERSION},
                      {"oneDNN", kernels::onednn_version()},
                      {"instruction set", kernels::instruction_set()},
                      {"network", workplace.network().name()},
                      {"precision", std::string(to_string(workplace.network().precision()))},
                      {"weights", workplace.weights().sha256}};
    for (std::size_t d = 0; d < workplace.data_sets(); ++d) {
        std::string const name = d == 0 ? "data" : "final data";
        identity.emplace_back(name, workplace.data(d).sha256());
        identity.emplace_back(name + " images", std::to_string(workplace.data(d).size()));
    }
    identity.emplace_back("convolutions", std::string(to_string(convolutions.policy)));
    identity.emplace_back("algorithms", choices_text(convolutions.choices));
    identity.emplace_back("batch", std::to_string(workplace.batch()));
    identity.emplace_back("drops", drops_text(options, plan));
    std::string sets;
    for (auto const& set : plan.drops.sets)
        sets += (sets.empty() ? "" : ", ") + dropped_text(set, workplace.network()) +
                (set.mode == BlockMode::direct ? " direct" : "");
    identity.emplace_back("sets", sets);
    if (!calibration.ranges.empty()) identity.emplace_back("calibration", config::calibration_text(calibration));
    if (options.final_data) identity.emplace_back("final count", std::to_string(plan.final_count));
    return identity;
}

std::string today() {
    std::time_t const now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char date[32];
    std::strftime(date, sizeof date, "%Y-%m-%d", &utc);
    return date;
}

// Rank 0's part. world: nullptr where it is alone; hosts: of the job.
int lead(StudyOptions const& options, Workplace const& workplace, StudyTask const& task, int threads,
         mpi::Communicator const* world, int hosts) {
    auto const& network = workplace.network();
    auto const& plan = task.plan;
    Team team(workplace, threads, world);  // before anything can fail: other ranks wait for it
    Journal journal(options.output + ".journal", identity(options, workplace, task),
                    options.restart ? Journal::Start::anew : Journal::Start::resume);
    on_signals(OnSignal::remember);
    auto const begin = std::chrono::steady_clock::now();
    std::printf("%s in %s on %zu images of %s, %zu worker%s\n", network.name().c_str(),
                std::string(to_string(network.precision())).c_str(), workplace.data(0).size(),
                workplace.data(0).name().c_str(), team.workers(), team.workers() == 1 ? "" : "s");
    for (std::size_t d = 0; d < workplace.data_sets(); ++d)
        std::printf("images: %s: %s; %zu are used, of %zu classes\n", workplace.data(d).name().c_str(),
                    workplace.data(d).description().c_str(), workplace.data(d).size(), workplace.data(d).classes_met());
    auto const passes = image_passes(workplace, plan, journal);
    auto const at_a_time = std::min(team.workers(), static_cast<std::size_t>(hosts * emulator::usable_cores()));
    auto const expected = expected_seconds(workplace, task.convolutions.policy, passes, at_a_time);
    if (expected)
        std::printf(
            "about %s by this host's profile: as much as %.0f images through the whole network, %.3g ms each, "
            "%zu at a time\n",
            duration(*expected).c_str(), passes,
            1e3 * *expected * static_cast<double>(at_a_time) / std::max(passes, 1.0), at_a_time);
    std::fflush(stdout);
    StudyReport report(team.workers(), workplace.batch(), expected.has_value());
    auto const result = conduct(workplace, plan, team, journal, std::ref(report), stop_requested());
    report.clear();
    if (!result) {
        std::printf("interrupted; %zu batches are kept in %s.journal, the same call goes on from there\n",
                    journal.size(), options.output.c_str());
        return interrupted + last_signal();
    }
    double const spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    for (std::size_t d = 0; d < workplace.data_sets(); ++d) try {
            workplace.data(d).expect_unchanged();
        } catch (InputError const&) {
            journal.remove();  // it holds batches of other images than it says
            throw;
        }

    Provenance provenance{std::string("skipstone ") + SKIPSTONE_VERSION + " (" + SKIPSTONE_REVISION + ")",
                          today(),
                          kernels::instruction_set(),
                          drops_text(options, plan),
                          options.remark,
                          std::string(to_string(task.convolutions.policy)),
                          choices_text(task.convolutions.choices)};
    fs::path const output(options.output);
    auto const write = [&](Measurement const& measurement, std::string const& stem_end, Provenance const& about) {
        auto const json = with_ending(output, stem_end, ".json"), toml = with_ending(output, stem_end, ".toml");
        write_file(json, json_text(workplace, measurement, plan.drops.not_run, result->chain, about));
        write_file(toml, table_text(workplace, measurement, plan.drops.not_run, about));
        std::printf("\n%s\n%s", workplace.data(measurement.data).name().c_str(),
                    result_table(measurement, network).c_str());
        std::printf("tables: %s, %s\n", toml.c_str(), json.c_str());
    };
    write(result->selection, result->final ? "-selection" : "", provenance);
    if (result->final) {
        auto const& selection = workplace.data(result->selection.data);
        provenance.remark = "Sets chosen by their accuracy on the first " + std::to_string(selection.size()) +
                            " images of " + selection.name() + "." +
                            (options.remark.empty() ? "" : " " + options.remark);
        write(*result->final, "", provenance);
    }
    if (!plan.drops.not_run.empty()) std::printf("\nnot run\n");
    for (auto const& block : plan.drops.not_run)
        std::printf("  %s, mode %s: %s\n", block.block.c_str(), std::string(to_string(block.mode)).c_str(),
                    block.reason.c_str());
    journal.remove();
    std::printf("engine: %.3f s (%s), %zu worker%s\n", spent, duration(spent).c_str(), team.workers(),
                team.workers() == 1 ? "" : "s");
    return done;
}

std::string hashes_of(PreparedStudy const& prepared) {
    auto text = prepared.weights.sha256;
    for (auto const& data : prepared.data) text += " " + data.sha256();
    return text;
}

int threads_of(StudyOptions const& options, std::size_t ranks_here) {
    return options.threads.value_or(std::max(1, emulator::usable_cores() / static_cast<int>(ranks_here)));
}

// One rank's part among several.
int study_among(mpi::Communicator const& world, StudyOptions const& options, Invocation const& invocation) {
    bool const first = world.rank() == 0;
    std::optional<PreparedStudy> prepared;
    auto const prepare_here = [&](StudyOptions const& here) {
        try {
            prepared.emplace(prepare_study(here, invocation.profiles));
        } catch (InputError const& error) {
            std::fprintf(stderr, "skipstone: %s\n", error.what());
        }
    };
    // Rank 0 says what is wrong; the others look only when it found nothing.
    if (first) prepare_here(options);
    if (!world.all(!first || prepared.has_value())) return first ? bad_input : done;
    auto others = options;
    others.network.weights = world.broadcast(0, first ? prepared->weights.file : "");
    if (!first) prepare_here(others);
    if (!world.all(prepared.has_value())) return first ? bad_input : done;
    auto const inputs = world.gather(0, hashes_of(*prepared));
    bool const same = std::ranges::all_of(inputs, [&](auto const& rank) { return rank == inputs.front(); });
    if (!same)
        std::fprintf(stderr,
                     "skipstone: weights or images are other ones on other ranks: they were changed while the "
                     "study started, or the hosts have different files under these paths\n");
    if (!world.all(same)) return first ? bad_input : done;
    auto const host = world.split_by_host();
    std::optional<Workplace> workplace;
    std::string problem;
    try {
        workplace.emplace(prepared->workplace(options.batch, &host));
    } catch (InputError const& error) {
        problem = error.what();
    }
    auto const problems = world.gather(0, problem);
    if (!world.all(problem.empty())) {
        if (first)
            std::fprintf(stderr, "skipstone: %s\n", std::ranges::find_if_not(problems, &std::string::empty)->c_str());
        return first ? bad_input : done;
    }
    auto const threads = threads_of(options, static_cast<std::size_t>(host.size()));
    if (!first) {
        on_signals(OnSignal::ignore);  // rank 0 ends the study
        serve(*workplace, threads, world);
        on_signals(OnSignal::end);
        return done;
    }
    try {
        int const hosts = (world.size() + host.size() - 1) / host.size();
        return lead(options, *workplace, prepared->task, threads, &world, hosts);
    } catch (InputError const& error) {  // the others were told to end
        std::fprintf(stderr, "skipstone: %s\n", error.what());
        return bad_input;
    }
}

int study_here(StudyOptions const& options, Invocation const& invocation) {
    auto prepared = prepare_study(options, invocation.profiles);
    auto const workplace = prepared.workplace(options.batch, nullptr);
    return lead(options, workplace, prepared.task, threads_of(options, 1), nullptr, 1);
}

int study_command(StudyOptions const& options, Invocation const& invocation) {
    if (auto const refused = refused_among_strangers()) return *refused;
    if (!mpi::launched()) return study_here(options, invocation);
    mpi::Environment const environment;
    auto const world = mpi::Communicator::duplicate_world();
    try {
        return world.size() == 1 ? study_here(options, invocation) : study_among(world, options, invocation);
    } catch (std::exception const& error) {
        std::fprintf(stderr, "skipstone: %s\n", error.what());
        int const status = dynamic_cast<InputError const*>(&error) != nullptr ? bad_input : failed;
        if (world.size() == 1) return status;
        world.abort(status);
    }
}

}  // namespace

Action add_study_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<StudyOptions>();
    add_weights_options(app, options->network);
    app.add_option(
           "--data", options->data,
           "labelled images: a CIFAR-10 batch (.bin, .bin.xz), a folder with a folder of pictures per class, or "
           "HDF5 with `inputs` [N,H,W,C] as the network reads them and `labels` [N]")
        ->required()
        ->type_name("PATH");
    app.add_option("--final-data", options->final_data,
                   "other labelled images: sets are chosen on --data, and the best are measured again on these")
        ->type_name("PATH");
    app.add_option("--drops", options->drops,
                   "none: the whole network alone; singles (default): every block; pairs: singles, and all pairs of "
                   "identity blocks; greedy: ever more blocks, always the one that costs least; FILE: the sets of an "
                   "accuracy table")
        ->type_name("none|singles|pairs|greedy|FILE");
    app.add_option("--modes", options->modes,
                   "of single drops: skip drops a block's convolutions, direct its skip connection; default: both")
        ->type_name("skip,direct");
    add_whole_option(app, "--limit", options->limit, "take the first N images of --data", 1)->type_name("N");
    add_whole_option(app, "--final-limit", options->final_limit, "take the first N images of --final-data", 1)
        ->type_name("N");
    add_whole_option(app, "--final-count", options->final_count,
                     "how many sets are measured on --final-data; default: 21", 1)
        ->type_name("N");
    app.add_option("-o,--output", options->output, "accuracy table to write; TABLE.json beside it has more")
        ->required()
        ->type_name("TABLE.toml");
    add_whole_option(app, "--batch", options->batch, "images that go through the network together", 1, 1'000'000)
        ->type_name("N")
        ->default_str(std::to_string(options->batch));
    add_whole_option(app, "--threads", options->threads,
                     "threads per rank; default: the host's cores, shared by its ranks", 1, 4096)
        ->type_name("N");
    app.add_option("--share", options->share,
                   "off: every set runs on its own, for comparison; on (default): what sets have in common runs once")
        ->type_name("on|off");
    add_precision_options(app, options->network);
    app.add_option(
           "--convolutions", options->convolutions,
           "of --precision float32: standard (default: by a rule of shapes and instruction set), measured (what "
           "`skipstone bench --choose` found on this host), direct (oneDNN's direct ones alone); as "
           "network.convolutions of a run")
        ->type_name("standard|measured|direct");
    app.add_option("--remark", options->remark, "a remark for the table")->type_name("TEXT");
    app.add_flag("--restart", options->restart, "forget what an interrupted study of this table had finished");
    app.footer(
        "An interrupted study (Ctrl-C, or killed) goes on where it was when the same call is repeated.\n"
        "Ranks share the work: mpirun -n 4 skipstone study … gives the same table.\n"
        "How long it takes is said at once where `skipstone bench` measured this host with the network (best with\n"
        "--batch as here, and --input as the weights'), else after its first images.");
    return [options, &invocation] { return study_command(*options, invocation); };
}

}  // namespace skipstone::cli
