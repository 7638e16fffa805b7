#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/exits_commands.hpp"
#include "cli/exits_job.hpp"
#include "cli/number_options.hpp"
#include "cli/signals.hpp"
#include "exits/exit_weights.hpp"
#include "exits/training.hpp"
#include "kernels/host.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/nearest.hpp"

namespace skipstone::cli {

namespace {

using namespace exits;
namespace fs = std::filesystem;

struct TrainOptions : ExitsJobOptions {
    std::optional<std::string> validation, scratch;
    std::vector<std::string> after, heads{"pool1", "pool2", "pool4", "pool4max-64", "pool16-32"};
    std::size_t most_features = 4096;
    int iterations = 80;
};

constexpr double heaviest_penalty = 0.03, lightest_penalty = 1e-5, penalty_step = 3.1622776601683795;

// Behind which blocks: those that are named, or all but the last one and those whose heads would save nothing.
std::vector<BlockId> blocks_of(TrainOptions const& options, Network const& network,
                               std::vector<HeadKind> const& kinds) {
    std::vector<BlockId> blocks;
    for (auto const& name : options.after) {
        auto const block = network.find(name);
        if (!block || block->index() + 1 == network.size()) {
            std::vector<std::string> names;
            for (std::size_t b = 0; b + 1 < network.size(); ++b) names.push_back(network.blocks()[b].name);
            throw InputError(
                "--after " + name + ": " +
                (block ? "is the last block, behind which the network ends" : network.name() + " has no such block") +
                (names.empty() ? "" : "; the nearest is \"" + nearest(name, names) + "\""));
        }
        blocks.push_back(*block);
    }
    std::ranges::sort(blocks);
    if (std::ranges::adjacent_find(blocks) != blocks.end())
        throw InputError("--after: names block " + network.block(*std::ranges::adjacent_find(blocks)).name + " twice");
    if (!options.after.empty()) return blocks;
    double behind = 0;
    for (auto b = network.size(); b-- > 1;) {
        behind += static_cast<double>(network.blocks()[b].macs.value());
        auto const graph = head_graph("head", network.blocks()[b - 1].output, kinds.front(), network.classes());
        std::vector<OperatorId> all;
        for (std::size_t i = 0; i < graph.operators().size(); ++i) all.emplace_back(i);
        if (static_cast<double>(graph.costs(all, Precision::float32).macs.value()) < behind)
            blocks.insert(blocks.begin(), BlockId(b - 1));
    }
    if (blocks.empty())
        throw InputError("network " + network.name() +
                         " has no block behind which an exit would save anything; it has " +
                         std::to_string(network.size()) + (network.size() == 1 ? " block" : " blocks"));
    return blocks;
}

class TrainJob : public ExitsJob {
  public:
    TrainJob(TrainOptions const& options, Invocation const& invocation) : options_(options), invocation_(invocation) {}

    ExitsJobInput prepare(std::string const& file) override {
        for (auto const& word : options_.heads) plan_.choice.kinds.push_back(parse_head_kind(word));
        if (fs::exists(options_.output) && !fs::is_regular_file(options_.output))
            throw InputError("--output " + options_.output + ": is no regular file");
        auto trained = read_trained_network(options_.network, file, invocation_.profiles);
        refuse_to_replace_input(options_.output);
        auto profile = trained.network.profile();
        profile.exits.clear();
        Network network(std::move(profile));
        plan_.blocks = blocks_of(options_, network, plan_.choice.kinds);
        plan_.most_features = options_.most_features;
        plan_.choice.classes = network.classes();
        plan_.choice.most_iterations = options_.iterations;
        for (double penalty = heaviest_penalty; penalty > lightest_penalty; penalty /= penalty_step)
            plan_.choice.penalties.push_back(penalty);
        std::vector<study::DataSet> data;
        data.push_back(labelled_data(options_.data, network, trained.weights));
        if (options_.validation) data.push_back(labelled_data(*options_.validation, network, trained.weights));
        return {std::move(network), std::move(trained.weights), {}, std::move(data)};
    }

    HandMaker hands(study::Workplace const& workplace) override { return training_hands(workplace, plan_); }

    int lead(study::Workplace const& workplace, Crew& crew) override;

  private:
    study::Identity identity(study::Workplace const& workplace) const;

    TrainOptions const& options_;
    Invocation const& invocation_;
    TrainingPlan plan_;
};

study::Identity TrainJob::identity(study::Workplace const& workplace) const {
    auto const& network = workplace.network();
    study::Identity identity{{"program", SKIPSTONE_VERSION},
                             {"oneDNN", kernels::onednn_version()},
                             {"instruction set", kernels::instruction_set()},
                             {"network", network.name()},
                             {"weights", workplace.weights().sha256}};
    for (std::size_t d = 0; d < workplace.data_sets(); ++d) {
        std::string const name = d == 0 ? "data" : "validation";
        identity.emplace_back(name, workplace.data(d).name());
        identity.emplace_back(name + " hash", workplace.data(d).sha256());
        identity.emplace_back(name + " samples", std::to_string(workplace.data(d).size()));
    }
    std::string blocks, kinds;
    for (auto const block : plan_.blocks) blocks += (blocks.empty() ? "" : ",") + network.block(block).name;
    for (auto const& kind : plan_.choice.kinds) kinds += (kinds.empty() ? "" : ",") + to_string(kind);
    identity.emplace_back("batch", std::to_string(workplace.batch()));
    identity.emplace_back("exits after", blocks);
    identity.emplace_back("heads", kinds);
    identity.emplace_back("most features", std::to_string(plan_.most_features));
    identity.emplace_back("iterations", std::to_string(plan_.choice.most_iterations));
    return identity;
}

int TrainJob::lead(study::Workplace const& workplace, Crew& crew) {
    auto const& network = workplace.network();
    auto const parts = parts_of(workplace);
    if (parts.training.empty() || parts.validation.empty())
        throw InputError({options_.data, 0, ""},
                         "has no class with five samples, of which one would be for validation; give more samples, or "
                         "others for that by --validation");
    study::Journal journal(options_.output + ".journal", identity(workplace),
                           options_.restart ? study::Journal::Start::anew : study::Journal::Start::resume);
    std::vector<std::size_t> sizes;
    for (auto const& features : plan_.features(network)) sizes.push_back(features.size());
    auto const name = fs::path(options_.output).filename().string() + ".features";
    FeatureFile file(options_.scratch ? fs::path(*options_.scratch) / name : fs::path(options_.output + ".features"),
                     std::move(sizes), parts.labels.size());
    on_signals(OnSignal::remember);
    std::printf("%s: heads behind %zu blocks; %zu samples for training, %zu for validation; %zu thread%s\n",
                network.name().c_str(), plan_.blocks.size(), parts.training.size(), parts.validation.size(),
                crew.hands(), crew.hands() == 1 ? "" : "s");
    std::fflush(stdout);
    ExitsReport report;
    auto const heads = train_heads(
        workplace, plan_, crew, file, journal,
        [&](TrainingProgress const& progress) {
            bool const features = progress.phase == TrainingProgress::Phase::features;
            report(features ? "features" : "heads", features ? "batches" : "heads", progress.done, progress.count,
                   progress.known, progress.seconds_left);
        },
        stop_requested());
    report.clear();
    if (!heads) {
        std::printf("interrupted; what is finished is kept in %s.journal and %s, the same call goes on from there\n",
                    options_.output.c_str(), file.path().c_str());
        return interrupted + last_signal();
    }
    for (std::size_t d = 0; d < workplace.data_sets(); ++d) try {
            workplace.data(d).expect_unchanged();
        } catch (InputError const&) {
            journal.remove();  // it holds features of other samples than it says
            throw;
        }
    std::vector<TrainedExit> exits;
    TextTable table({{"exit", Align::left},
                     {"head", Align::left},
                     {"penalty"},
                     {"MACs before"},
                     {"its own"},
                     {"accuracy"},
                     {"loss"},
                     {"can leave"}});
    double const total = static_cast<double>(network.total_macs().value());
    double macs = 0;
    std::size_t next = 0;
    for (std::size_t b = 0; b < network.size() && next < heads->size(); ++b) {
        macs += static_cast<double>(network.blocks()[b].macs.value());
        if (plan_.blocks[next] != BlockId(b)) continue;
        auto const& head = (*heads)[next++];
        exits.push_back({BlockId(b), head});
        auto const graph = head_graph("head", network.blocks()[b].output, head.kind, network.classes());
        std::vector<OperatorId> all;
        for (std::size_t i = 0; i < graph.operators().size(); ++i) all.emplace_back(i);
        auto const own = static_cast<double>(graph.costs(all, Precision::float32).macs.value());
        char penalty[32];
        std::snprintf(penalty, sizeof penalty, "%.1e", head.penalty);
        table.add({network.blocks()[b].name, to_string(head.kind), penalty, percent(macs / total), percent(own / total),
                   percent(head.accuracy), fixed(head.loss, 4), percent(head.leaving)});
    }
    std::vector<std::pair<std::string, std::string>> provenance{
        {"software", std::string("skipstone ") + SKIPSTONE_VERSION + " (" + SKIPSTONE_REVISION + ")"},
        {"instruction_set", kernels::instruction_set()},
        {"weights_sha256", workplace.weights().sha256}};
    for (std::size_t d = 0; d < workplace.data_sets(); ++d) {
        provenance.emplace_back(d == 0 ? "data" : "validation", workplace.data(d).name());
        provenance.emplace_back(d == 0 ? "data_sha256" : "validation_sha256", workplace.data(d).sha256());
    }
    write_exits(options_.output, workplace.weights(), network, exits, provenance);
    std::printf(
        "%s\"can leave\": the most confident samples of the validation part that may leave here, if this were "
        "the only exit, so that at most 1 %% of all are wrong because of it.\n%s has the exits.\n",
        table.text().c_str(), options_.output.c_str());
    journal.remove();
    file.remove();
    return done;
}

}  // namespace

Action add_exits_train_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<TrainOptions>();
    options->batch = 32;
    add_exits_job_options(app, *options,
                          "labelled samples that heads learn from: as for `skipstone study`, or a part, FILE@A..B",
                          "weights file to write: everything of --weights, and the exits",
                          "samples that go through the network together");
    app.add_option(
           "--validation", options->validation,
           "labelled samples that kind of head and penalty are chosen by; default: every fifth of each class of "
           "--data")
        ->type_name("PATH");
    app.add_option("--after", options->after,
                   "blocks that get an exit, separated by commas; default: all behind which one could save anything")
        ->delimiter(',')
        ->type_name("BLOCK,…");
    app.add_option(
           "--heads", options->heads,
           "kinds of heads to choose from, for each block: poolG (averages over a grid of G x G, then fully "
           "connected), poolGmax (maxima beside the averages), and behind either -N (a fully connected layer of "
           "N with a ReLU before) or -convN (a 3 x 3 convolution of N channels before)")
        ->delimiter(',')
        ->type_name("KIND,…")
        ->capture_default_str();
    add_whole_option(app, "--most-features", options->most_features,
                     "numbers that a head may read of a sample; kinds with larger grids are passed over", 1, 1'000'000)
        ->type_name("N")
        ->default_str(std::to_string(options->most_features));
    add_whole_option(app, "--iterations", options->iterations, "of L-BFGS for each head and penalty, at most", 1,
                     1'000'000)
        ->type_name("N")
        ->default_str(std::to_string(options->iterations));
    app.add_option("--scratch", options->scratch,
                   "folder for the features of all samples during the training; default: the output's")
        ->type_name("DIR");
    app.footer(
        "The network itself is not trained: heads are logistic regressions on what its blocks give (L-BFGS).\n"
        "An interrupted training (Ctrl-C, or killed) goes on where it was when the same call is repeated.\n"
        "Ranks share the work: mpirun -n 4 skipstone exits train … gives the same heads.");
    return [options, &invocation] {
        TrainJob job(*options, invocation);
        return do_job(*options, job);
    };
}

}  // namespace skipstone::cli
