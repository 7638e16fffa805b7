#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "cli/launcher.hpp"
#include "cli/number_options.hpp"
#include "cli/signals.hpp"
#include "cli/this_host.hpp"
#include "config/file_kind.hpp"
#include "emulator/host_clock.hpp"
#include "emulator/setup.hpp"
#include "kernels/host.hpp"
#include "mpi/communicator.hpp"
#include "study/study.hpp"
#include "study/study_table.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/nearest.hpp"
#include "units/output_file.hpp"
#include "units/proportion.hpp"

namespace skipstone::cli {

namespace {

using namespace study;
namespace fs = std::filesystem;

struct StudyOptions {
    std::string network, weights, data, output, remark, precision = "float32";
    std::optional<std::string> final_data, drops, modes, share, calibration, convolutions;
    std::optional<std::size_t> limit, final_limit, final_count;
    std::size_t batch = 32;
    std::optional<int> threads;
    bool restart = false;
};

std::vector<BlockMode> parse_modes(std::string const& text) {
    std::vector<BlockMode> modes;
    for (auto const& word : CLI::detail::split(text, ',')) {
        if (word != "skip" && word != "direct")
            throw InputError("--modes " + text + ": \"" + word + "\" is no mode; there are skip and direct");
        auto const mode = word == "skip" ? BlockMode::skip : BlockMode::direct;
        if (std::ranges::find(modes, mode) == modes.end()) modes.push_back(mode);
    }
    std::ranges::sort(modes);
    return modes;
}

// What the options mean together; throws InputError where they do not go together.
StudyPlan make_plan(StudyOptions const& options, Network const& network) {
    auto const drops = options.drops.value_or("singles");
    auto const modes = parse_modes(options.modes.value_or("skip,direct"));
    StudyPlan plan;
    plan.final_count = options.final_count.value_or(21);
    if (auto const share = options.share.value_or("on"); share == "off")
        plan.sharing = Sharing::none;
    else if (share != "on")
        throw InputError("--share " + share + ": must be on or off");
    if ((drops == "singles" || drops == "pairs" || drops == "greedy") &&
        std::ranges::none_of(network.blocks(), &Block::is_droppable))
        throw InputError("--drops " + drops + ": " + network.name() +
                         " has no block that could be dropped, since none adds a shortcut to what it computes; --drops "
                         "none measures its accuracy");
    if (drops == "singles") {
        plan.drops = single_drops(network, modes);
    } else if (drops == "pairs") {
        plan.drops = pair_drops(network, modes);
    } else {
        if (options.modes)
            throw InputError("--modes: goes with --drops singles and pairs alone; " +
                             std::string(drops == "none" || drops == "greedy" ? drops + " needs none"
                                                                              : "a file says the mode of every row"));
        if (drops == "greedy")
            plan.choice = StudyPlan::Choice::greedy;
        else if (drops == "none")
            plan.drops.sets.emplace_back();
        else if (fs::exists(drops))
            plan.drops = config::read_as(config::FileKind::accuracy_table, drops,
                                         [&] { return read_drops_file(drops, network); });
        else
            throw InputError("--drops " + drops +
                             ": is neither a file nor one of none, singles, pairs and greedy; the "
                             "nearest of these is \"" +
                             nearest(drops, std::vector<std::string>{"none", "singles", "pairs", "greedy"}) + "\"");
    }
    if (plan.choice == StudyPlan::Choice::greedy && identity_blocks(network).empty())
        throw InputError("--drops greedy: " + network.name() + " has no identity block that could be dropped");
    return plan;
}

void check_final_options(StudyOptions const& options) {
    if (!options.final_data && options.final_limit) throw InputError("--final-limit: needs --final-data");
    if (!options.final_data && options.final_count) throw InputError("--final-count: needs --final-data");
}

std::string drops_text(StudyOptions const& options, StudyPlan const& plan) {
    auto const drops = options.drops.value_or("singles");
    if (drops == "singles" || drops == "pairs") return drops + " (" + options.modes.value_or("skip,direct") + ")";
    return plan.choice == StudyPlan::Choice::greedy || drops == "none" ? drops : fs::path(drops).filename().string();
}

// How convolutions are computed.
struct Convolutions {
    ConvolutionPolicy policy = ConvolutionPolicy::direct;
    ConvolutionChoices choices;
};

// What a study is about beside the workplace.
struct Task {
    StudyPlan plan;
    Convolutions convolutions;
    Calibration calibration;  // of an int8 network
};

Identity identity(StudyOptions const& options, Workplace const& workplace, Task const& task) {
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

// Seconds that a study takes by what was measured on this host; nothing where its network was not. Other hosts of a job
// are taken to be like this one.
std::optional<double> expected_seconds(Workplace const& workplace, ConvolutionPolicy policy, double passes,
                                       std::size_t workers) {
    auto const profile = profile_of_this_host();
    if (!profile) return std::nullopt;
    auto known = block_seconds(*profile, workplace.network(), policy, static_cast<int>(workplace.batch()));
    if (!known) known = block_seconds(*profile, workplace.network(), policy);
    if (!known) return std::nullopt;
    return passes * std::reduce(known->begin(), known->end()) / static_cast<double>(workers);
}

// A bar on a terminal, a line now and then elsewhere.
class Report {
  public:
    // expects: how long it takes was said already; else its first images tell.
    Report(std::size_t workers, std::size_t batch, bool expects)
        : workers_(workers), batch_(batch), said_total_(expects) {}

    void operator()(StudyProgress const& progress) {
        if (progress.what != what_) {
            what_ = progress.what;
            bar_ = std::make_unique<ProgressBar>(static_cast<int>(progress.batches));
            if (progress.known > 0)
                print("going on: " + std::to_string(progress.known) + " of " + std::to_string(progress.batches) +
                      " batches are in the journal");
            said_ = Clock::now();
        }
        if (auto const fresh = progress.done - progress.known; !said_total_ && fresh >= workers_) {
            said_total_ = true;
            double const spent = std::chrono::duration<double>(Clock::now() - begin_).count();
            print("about " + duration(spent + progress.seconds_left) + " in all, by its first " +
                  std::to_string(fresh * batch_) + " images");
        }
        auto const left = progress.seconds_left < 0 ? "" : ", about " + duration(progress.seconds_left) + " left";
        bar_->advance(static_cast<int>(progress.done), "batches" + left + " (" + what_ + ")");
        if (isatty(STDERR_FILENO) != 0 || Clock::now() - said_ < std::chrono::seconds(10)) return;
        said_ = Clock::now();
        print(std::to_string(progress.done) + " of " + std::to_string(progress.batches) + " batches" + left);
    }
    void clear() { bar_.reset(); }

  private:
    using Clock = std::chrono::steady_clock;

    void print(std::string const& text) {
        if (bar_) bar_->clear();
        std::printf("%s: %s\n", what_.c_str(), text.c_str());
        std::fflush(stdout);
    }

    std::size_t workers_, batch_;
    bool said_total_;
    std::string what_;
    std::unique_ptr<ProgressBar> bar_;
    Clock::time_point begin_ = Clock::now(), said_;
};

std::string result_table(Measurement const& measurement, Network const& network) {
    TextTable table({{"dropped", Align::left},
                     {"mode", Align::left},
                     {"accuracy"},
                     {"95 % interval"},
                     {"right"},
                     {"memory gain"},
                     {"computation gain"}});
    for (auto const& row : measurement.sets) {
        auto const samples = row.predictions.size();
        auto const interval = confidence_interval(static_cast<long>(row.correct), static_cast<long>(samples));
        table.add({dropped_text(row.set, network), row.set.dropped.empty() ? "" : std::string(to_string(row.set.mode)),
                   percent(static_cast<double>(row.correct) / static_cast<double>(samples)),
                   fixed(100 * interval.low, 2) + " … " + percent(interval.high), std::to_string(row.correct),
                   megabytes(static_cast<double>(memory_gain(row.set, network).value())),
                   fixed(static_cast<double>(computation_gain(row.set, network).value()) / 1e6, 1) + " MMAC"});
    }
    return table.text();
}

fs::path with_ending(fs::path path, std::string const& stem_end, char const* extension) {
    return path.parent_path() / (path.stem().string() + stem_end + extension);
}

// Rank 0's part. world: nullptr where it is alone; hosts: of the job.
int lead(StudyOptions const& options, Workplace const& workplace, Task const& task, int threads,
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
    Report report(team.workers(), workplace.batch(), expected.has_value());
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

// What a study is about, before weights are packed.
struct Prepared {
    Network network;
    kernels::WeightsInfo weights;
    std::vector<DataSet> data;
    Task task;

    // host: the ranks of this host, or nullptr.
    Workplace workplace(StudyOptions const& options, mpi::Communicator const* host) {
        return {pack(network, weights, task.convolutions.choices, task.calibration, host), weights, std::move(data),
                options.batch};
    }
};

Calibration calibration_of(StudyOptions const& options, Network const& network, kernels::WeightsInfo const& weights,
                           Invocation const& invocation) {
    if (network.precision() != Precision::int8) {
        if (options.calibration) throw InputError("--calibration: goes with --precision int8 alone");
        return {};
    }
    if (!options.calibration)
        throw InputError("--precision int8: needs --calibration; make one with \"skipstone calibrate --weights " +
                         options.weights + " --data IMAGES -o FILE.toml\"");
    auto calibration = config::load_calibration(*options.calibration, invocation.profiles);
    check_calibration(calibration, network, weights.sha256);
    return calibration;
}

Convolutions convolutions_of(StudyOptions const& options, Network const& network) {
    if (network.precision() != Precision::float32) {
        if (options.convolutions)
            throw InputError("--convolutions: goes with --precision float32 alone; others are computed directly");
        return {};
    }
    auto const policy = parse_convolutions(options.convolutions.value_or("standard"));
    return {policy, choices_of(policy, network)};
}

// The same labels must mean the same in both.
void check_same_classes(StudyOptions const& options, std::vector<std::string> const& first,
                        std::vector<std::string> const& final) {
    for (std::size_t label = 0; label < std::min(first.size(), final.size()); ++label)
        if (first[label] != final[label])
            throw InputError({*options.final_data, 0, ""}, "has \"" + final[label] + "\" as its class folder number " +
                                                               std::to_string(label) + ", and " + options.data +
                                                               " has \"" + first[label] +
                                                               "\"; name the folders alike in both");
}

// What a study writes would change its data while they are measured.
void refuse_output_within(std::string const& data, std::string const& output) {
    std::error_code error;
    auto const folder = fs::canonical(data, error);
    if (error || !fs::is_directory(folder, error)) return;
    auto const place = fs::weakly_canonical(fs::absolute(output).parent_path(), error);
    if (std::mismatch(folder.begin(), folder.end(), place.begin(), place.end()).first == folder.end())
        throw InputError("--output " + output + ": lies in " + data +
                         ", where nothing may change while it is measured; name another folder");
}

// Checks first what costs nothing.
Prepared prepare(StudyOptions const& options, Invocation const& invocation) {
    check_final_options(options);
    if (fs::path(options.output).extension() != ".toml")
        throw InputError("--output " + options.output + ": must end in .toml");
    auto const weights = weights_file(options.weights);
    auto info =
        config::read_as(config::FileKind::weights, weights, [&] { return kernels::read_weights_info(weights); });
    auto profile = emulator::profile_of(info, invocation.profiles, options.network);
    profile.precision = parse_precision(options.precision);
    Network network(std::move(profile));
    auto calibration = calibration_of(options, network, info, invocation);
    auto convolutions = convolutions_of(options, network);
    std::vector<DataSet> data;
    auto const add = [&](std::string const& path, std::optional<std::size_t> limit) {
        refuse_output_within(path, options.output);
        data.emplace_back(path, limit, inputs::InputForm(network, info.mean, info.std, info.range), info.classes);
    };
    add(options.data, options.limit);
    if (options.final_data) {
        add(*options.final_data, options.final_limit);
        check_same_classes(options, data[0].class_folders(), data[1].class_folders());
    }
    auto plan = make_plan(options, network);
    for (auto const& stem_end : {"", "-selection"})
        for (auto const* const extension : {".toml", ".json"})
            refuse_to_replace_input(with_ending(options.output, stem_end, extension));
    return {std::move(network),
            std::move(info),
            std::move(data),
            {std::move(plan), std::move(convolutions), std::move(calibration)}};
}

std::string hashes_of(Prepared const& prepared) {
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
    std::optional<Prepared> prepared;
    auto const prepare_here = [&](StudyOptions const& here) {
        try {
            prepared.emplace(prepare(here, invocation));
        } catch (InputError const& error) {
            std::fprintf(stderr, "skipstone: %s\n", error.what());
        }
    };
    // Rank 0 says what is wrong; the others look only when it found nothing.
    if (first) prepare_here(options);
    if (!world.all(!first || prepared.has_value())) return first ? bad_input : done;
    auto others = options;
    others.weights = world.broadcast(0, first ? prepared->weights.file : "");
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
        workplace.emplace(prepared->workplace(options, &host));
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
    auto prepared = prepare(options, invocation);
    auto const workplace = prepared.workplace(options, nullptr);
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
    app.add_option("--weights", options->weights, "trained weights (HDF5), or a model in ONNX")
        ->required()
        ->type_name("FILE");
    app.add_option("--network", options->network, "network profile; default: the one that the weights name")
        ->type_name("PROFILE");
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
    app.add_option("--precision", options->precision, "what the network computes in")
        ->type_name("float32|bfloat16|int8")
        ->capture_default_str();
    app.add_option("--calibration", options->calibration,
                   "of --precision int8: a file that \"skipstone calibrate\" wrote, or a name under "
                   "profiles/calibrations")
        ->type_name("FILE");
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
