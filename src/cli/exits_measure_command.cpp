#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/exits_commands.hpp"
#include "cli/exits_job.hpp"
#include "cli/signals.hpp"
#include "config/exit_table_file.hpp"
#include "config/weights_network.hpp"
#include "exits/measuring.hpp"
#include "kernels/host.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/nearest.hpp"

namespace skipstone::cli {

namespace {

using namespace exits;
namespace fs = std::filesystem;

struct MeasureOptions : ExitsJobOptions {
    std::vector<std::string> dropped;
};

std::string today() {
    std::time_t const now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char date[32];
    std::strftime(date, sizeof date, "%Y-%m-%d", &utc);
    return date;
}

std::vector<BlockId> dropped_blocks(std::vector<std::string> const& words, Network const& network) {
    std::vector<BlockId> blocks;
    for (auto const& name : words) {
        auto const block = network.find(name);
        if (!block || !network.block(*block).is_droppable()) {
            std::vector<std::string> names;
            for (auto const& each : network.blocks())
                if (each.is_droppable()) names.push_back(each.name);
            throw InputError("--dropped " + name + ": " +
                             (block ? "cannot be dropped, since it adds no shortcut to what it computes"
                                    : network.name() + " has no such block") +
                             (names.empty() ? "; no block of it can be dropped"
                                            : "; the nearest that can is \"" + nearest(name, names) + "\""));
        }
        blocks.push_back(*block);
    }
    std::ranges::sort(blocks);
    if (auto const twice = std::ranges::adjacent_find(blocks); twice != blocks.end())
        throw InputError("--dropped: names block " + network.block(*twice).name + " twice");
    return blocks;
}

class MeasureJob : public ExitsJob {
  public:
    MeasureJob(MeasureOptions const& options, Invocation const& invocation)
        : options_(options), invocation_(invocation) {}

    ExitsJobInput prepare(std::string const& file) override {
        if (fs::exists(options_.output) && !fs::is_regular_file(options_.output))
            throw InputError("--output " + options_.output + ": is no regular file");
        auto trained = read_trained_network(options_.network, file, invocation_.profiles);
        refuse_to_replace_input(options_.output);
        auto profile = trained.network.profile();
        profile.exits = config::exits_in_weights(file);
        if (profile.exits.empty())
            throw InputError({options_.network.weights, 0, "exits"},
                             "these weights have no exits; make some by \"skipstone exits train --weights " +
                                 options_.network.weights + " --data TRAIN -o WE.h5\"");
        Network network(std::move(profile));
        plan_.dropped = dropped_blocks(options_.dropped, network);
        plan_.ends_with_softmax = ends_with_softmax(network);
        std::vector<study::DataSet> data;
        data.push_back(labelled_data(options_.data, network, trained.weights));
        return {std::move(network), std::move(trained.weights), std::move(trained.calibration), std::move(data)};
    }

    HandMaker hands(study::Workplace const& workplace) override { return measuring_hands(workplace, plan_); }

    int lead(study::Workplace const& workplace, Crew& crew) override;

  private:
    MeasureOptions const& options_;
    Invocation const& invocation_;
    MeasuringPlan plan_;
};

int MeasureJob::lead(study::Workplace const& workplace, Crew& crew) {
    auto const& network = workplace.network();
    auto const& data = workplace.data(0);
    std::string dropped;
    for (auto const block : plan_.dropped) dropped += (dropped.empty() ? "" : ",") + network.block(block).name;
    study::Journal journal(options_.output + ".journal",
                           {{"program", SKIPSTONE_VERSION},
                            {"oneDNN", kernels::onednn_version()},
                            {"instruction set", kernels::instruction_set()},
                            {"network", network.name()},
                            {"precision", std::string(to_string(network.precision()))},
                            {"calibration", options_.network.calibration.value_or("")},
                            {"weights", workplace.weights().sha256},
                            {"data", data.name()},
                            {"data hash", data.sha256()},
                            {"samples", std::to_string(data.size())},
                            {"batch", std::to_string(workplace.batch())},
                            {"dropped", dropped}},
                           options_.restart ? study::Journal::Start::anew : study::Journal::Start::resume);
    on_signals(OnSignal::remember);
    std::printf("%s: what %zu exits say of %zu samples of %s; %zu thread%s\n", network.name().c_str(),
                network.exits().size(), data.size(), data.name().c_str(), crew.hands(), crew.hands() == 1 ? "" : "s");
    std::fflush(stdout);
    ExitsReport report;
    auto const table = measure(
        workplace, plan_, crew, journal,
        [&](MeasuringProgress const& progress) {
            report("exits", "batches", progress.done, progress.count, progress.known, progress.seconds_left);
        },
        stop_requested());
    report.clear();
    if (!table) {
        std::printf("interrupted; what is finished is kept in %s.journal, the same call goes on from there\n",
                    options_.output.c_str());
        return interrupted + last_signal();
    }
    try {
        data.expect_unchanged();
    } catch (InputError const&) {
        journal.remove();  // it holds what was said of other samples
        throw;
    }
    config::write_exit_table(
        options_.output, *table,
        {today(), std::string("skipstone ") + SKIPSTONE_VERSION + " (" + SKIPSTONE_REVISION + ")",
         kernels::instruction_set(), fs::path(options_.network.weights).filename().string(), data.sha256()});
    TextTable shown({{"exit", Align::left}, {"MACs up to there"}, {"its head's"}, {"accuracy"}});
    for (std::size_t outcome = 0; outcome < table->outcomes(); ++outcome) {
        std::size_t right = 0;
        for (std::size_t i = 0; i < table->samples; ++i) right += table->at(i, outcome).predicted == table->labels[i];
        bool const is_end = outcome + 1 == table->outcomes();
        shown.add({is_end ? "end" : table->exits[outcome], count_text(table->macs[outcome], "MAC"),
                   is_end ? "" : count_text(table->head_macs[outcome], "MAC"),
                   percent(static_cast<double>(right) / static_cast<double>(table->samples))});
    }
    std::printf("%stable: %s\n", shown.text().c_str(), options_.output.c_str());
    journal.remove();
    return done;
}

}  // namespace

Action add_exits_measure_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<MeasureOptions>();
    add_exits_job_options(app, *options, "labelled samples: as for `skipstone study`, or a part, FILE@A..B",
                          "table to write",
                          "samples that go through the network together; the last bits of what kernels compute depend "
                          "on it: with as many as a run's requests have images, the table's confidences are the run's");
    app.add_option("--dropped", options->dropped, "blocks that are dropped meanwhile, separated by commas")
        ->delimiter(',')
        ->type_name("BLOCK,…");
    add_precision_options(app, options->network);
    app.footer(
        "An interrupted call (Ctrl-C, or killed) goes on where it was when it is repeated.\n"
        "Ranks share the work: mpirun -n 4 skipstone exits measure … gives the same table.");
    return [options, &invocation] {
        MeasureJob job(*options, invocation);
        return do_job(*options, job);
    };
}

}  // namespace skipstone::cli
