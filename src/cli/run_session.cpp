#include "cli/run_session.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/process_age.hpp"
#include "cli/run_report.hpp"
#include "cli/signals.hpp"
#include "cli/surroundings.hpp"
#include "cli/this_host.hpp"
#include "config/file_kind.hpp"
#include "config/scenario_file.hpp"
#include "emulator/coordinator.hpp"
#include "emulator/dilation.hpp"
#include "emulator/doorbells.hpp"
#include "emulator/image_supply.hpp"
#include "emulator/kernel_executor.hpp"
#include "emulator/loopback_transport.hpp"
#include "emulator/mpi_transport.hpp"
#include "emulator/node.hpp"
#include "emulator/recorder.hpp"
#include "emulator/run_summary.hpp"
#include "emulator/setup.hpp"
#include "emulator/standstill.hpp"
#include "hdf5/file.hpp"
#include "kernels/host.hpp"
#include "kernels/packed_network.hpp"
#include "kernels/weights.hpp"
#include "model/probability.hpp"
#include "mpi/communicator.hpp"
#include "trace/writer.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"
#include "units/what_happened.hpp"

namespace skipstone::cli {

namespace {

using namespace emulator;

void check_ranks(Scenario const& scenario, int ranks) {
    auto const needed = static_cast<int>(scenario.fleet.size()) + 1;
    if (scenario.emulation.clock == ClockKind::wall && ranks < needed)
        throw InputError("the wall clock needs " + std::to_string(needed) +
                         " ranks, one per device and one for the coordinator; here " +
                         (ranks == 1 ? "is 1" : "are " + std::to_string(ranks)) + ". Start it with \"" +
                         mpi::launch_line(std::to_string(needed)) +
                         " skipstone run …\", let --launch do that, or use --clock virtual");
    if (ranks > needed)
        std::fprintf(stderr, "skipstone: warning: %d of %d ranks stay idle: %d are enough for %zu devices\n",
                     ranks - needed, ranks, needed, scenario.fleet.size());
}

// What rank 0 knows and the others do not.
struct Stage {
    Scenario scenario;
    Network network;
    std::optional<kernels::WeightsInfo> weights;
    ConvolutionChoices convolutions;  // where kernels run; of rank 0's host
    std::string output;
    std::vector<std::string> hosts;     // per rank
    std::vector<std::string> realtime;  // per rank: "yes" where it may use SCHED_FIFO
    std::string mpi_version = "none";
};

trace::Header header_of(Stage const& stage, RunRequest const& request, ImageSupply const& images, double dilation) {
    trace::Header header;
    header.software_version = SKIPSTONE_VERSION;
    std::array<char, 32> date{};
    std::time_t const now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
    header.date = date.data();
    header.seed = stage.scenario.seed;
    auto const& requests = stage.scenario.requests;
    header.expected_rounds = stage.scenario.rounds.count;
    header.expected_requests = header.expected_rounds * (requests.count ? *requests.count : requests.rate);
    header.links = stage.scenario.links;
    header.goal = stage.scenario.objective.goal;
    auto& provenance = header.provenance;
    provenance.scenario = config::scenario_text(stage.scenario);
    provenance.command_line = request.command_line;
    provenance.git_revision = SKIPSTONE_REVISION;
    provenance.libraries =
        "oneDNN " + kernels::onednn_version() + "; MPI " + stage.mpi_version + "; HDF5 " + hdf5::library_version();
    provenance.instruction_set = kernels::instruction_set();
    std::map<std::string, std::string> ranks_of;
    for (std::size_t rank = 0; rank < stage.hosts.size(); ++rank) {
        auto& ranks = ranks_of[stage.hosts[rank]];
        ranks += (ranks.empty() ? "" : ",") + std::to_string(rank);
    }
    for (auto const& [host, ranks] : ranks_of)
        provenance.hosts += (provenance.hosts.empty() ? "" : "; ") + host + ": " + ranks;
    provenance.clock = stage.scenario.emulation.clock == ClockKind::wall ? "wall" : "virtual";
    provenance.dilation = dilation;
    provenance.network = stage.network.name();
    provenance.weights_hash = stage.weights ? stage.weights->sha256 : std::string(trace::random_weights);
    if (stage.scenario.emulation.kernels) provenance.convolutions = choices_text(stage.convolutions);
    add_surroundings(provenance);
    if (stage.scenario.emulation.kernels) provenance.threads = kernels::usual_threads();
    if (stage.scenario.emulation.clock == ClockKind::wall)
        provenance.realtime = std::to_string(std::ranges::count(stage.realtime, "yes")) + " of " +
                              std::to_string(stage.realtime.size()) + " ranks";
    provenance.images = images.description();
    provenance.labels = images.labels();
    provenance.scenario_name = std::filesystem::path(stage.scenario.file).stem().string();
    header.devices = device_rows(stage.scenario);
    header.blocks = block_rows(stage.network, stage.scenario.exits.rules);
    return header;
}

constexpr double rehearsal_s = 2;  // host time at most

int most_ranks_of_a_host(std::vector<std::string> const& hosts) {
    std::ptrdiff_t most = 0;
    for (auto const& host : hosts) most = std::max(most, std::ranges::count(hosts, host));
    return static_cast<int>(most);
}

// How long each block takes here by this host's profile, where that has been measured for this very network, and all
// ranks are on this host.
std::optional<std::vector<double>> profiled_blocks(Stage const& stage) {
    auto const& scenario = stage.scenario;
    if (!scenario.emulation.kernels ||
        std::ranges::count(stage.hosts, stage.hosts.front()) != static_cast<std::ptrdiff_t>(stage.hosts.size()))
        return std::nullopt;
    auto const profile = profile_of_this_host();
    return profile ? block_seconds(*profile, stage.network, scenario.network.convolutions) : std::nullopt;
}

// Rank 0's part, once the nodes serve.
int coordinate(Stage const& stage, RunRequest const& request, Transport& transport, HostClock const& clock,
               Waker& waker, ImageSupply const& images, double run_start) {
    auto const& scenario = stage.scenario;
    auto const exits = open_exits(scenario, stage.network);
    bool const judges = !exits.empty() && scenario.exits.verdicts == Scenario::ExitsSection::Source::kernels;
    Coordinator coordinator(
        transport, clock, waker,
        {scenario.emulation.clock, scenario.emulation.dilation.value_or(1), scenario.emulation.kernels,
         scenario.fleet.size(), stage.network.size(), exits, judges, gives_probabilities(stage.network.graph())},
        run_start, stop_requested());
    struct StopNodes {  // whatever happens, the nodes are told to end
        Coordinator& coordinator;
        ~StopNodes() { coordinator.stop_nodes(); }
    } const stop_nodes{coordinator};
    std::optional<double> start_up_s;
    auto notice_first = [&](int, int, std::span<float const>) {
        if (!start_up_s) start_up_s = process_age_s();
    };
    Coordinator::LogitsSink const logits = scenario.emulation.kernels ? Coordinator::LogitsSink(notice_first) : nullptr;
    auto const supply = [&](std::int64_t image) { return images.image(image); };
    auto const verdicts = judges ? std::make_shared<KernelVerdicts>() : nullptr;
    auto const course = std::make_shared<Course>(scenario, stage.network, verdicts);
    auto const next = [&] {
        return judges ? coordinator.next_of([course] { return course->next(); }, verdicts, supply, logits)
                      : next_unless(course, stop_requested());
    };
    double dilation = scenario.emulation.clock == ClockKind::wall ? scenario.emulation.dilation.value_or(1) : 1;
    if (scenario.emulation.clock == ClockKind::wall && !scenario.emulation.dilation) {
        auto const known = exits.empty() ? profiled_blocks(stage) : std::nullopt;  // it has no times of heads
        auto const speed = known ? Coordinator::Speed{*known, usable_cores()} : coordinator.measure_blocks();
        if (known && !request.quiet) std::printf("dilation: from this host's profile (skipstone bench)\n");
        int const ranks = most_ranks_of_a_host(stage.hosts);
        dilation = automatic_dilation(scenario, stage.network, speed.block_seconds, ranks, speed.cores);
        // Ranks that share cores hinder each other in ways that no sum of their parts tells.
        if (ranks > speed.cores) {
            if (!request.quiet)
                std::printf("dilation: %d ranks share %d cores; rehearsing the first round\n", ranks, speed.cores);
            std::fflush(stdout);
            dilation = rehearsed_dilation(dilation, [&](double tried) {
                coordinator.set_dilation(tried);
                return coordinator.rehearse(next, supply, Seconds(rehearsal_s / tried));
            });
        }
        coordinator.set_dilation(dilation);
    }
    RunReport report(scenario, stage.network, dilation, request.quiet);
    trace::Writer writer(stage.output, header_of(stage, request, images, dilation));
    report.start(stage.output, images.description(), writer.warning());
    RunSummary summary(scenario, dilation, images.different());
    Standstill standstill(clock);
    LabelOf const label_of = [&](std::int64_t image) { return images.label(image); };
    bool const knows_labels =
        scenario.network.weights || scenario.exits.verdicts == Scenario::ExitsSection::Source::table;
    auto take = [&](RoundResult&& result) {
        result.stalled_s = standstill.take();
        auto const record = record_of(scenario, stage.network, result, label_of);
        writer.append(record);
        for (auto const& row : record.requests)
            if (auto const predicted = row.verdict >= 0 ? row.verdict : row.predicted_class;
                knows_labels && row.label >= 0 && predicted >= 0)
                summary.add_prediction(row.label, predicted, row.accuracy);
        report.round(summary.add(result));
    };
    Coordinator::Outcome outcome{};
    try {
        outcome = coordinator.run(next, scenario.rounds.count, supply, take, logits);
    } catch (...) {
        writer.finish(trace::Ended::failed);
        throw;
    }
    bool const finished = outcome == Coordinator::Outcome::finished;
    writer.finish(finished ? trace::Ended::finished : trace::Ended::interrupted);
    report.finish(summary, finished ? "" : "interrupted", start_up_s);
    if (!std::filesystem::exists(stage.output)) {
        std::fprintf(stderr, "skipstone: %s: is not there any more; it was removed or renamed while the run wrote it\n",
                     stage.output.c_str());
        return failed;
    }
    if (!finished) return interrupted + last_signal();
    return request.strict && scenario.emulation.clock == ClockKind::wall && !summary.fidelity().faithful()
               ? not_faithful
               : done;
}

void warn_of_foreign_input_size(Scenario const& scenario) {
    if (!scenario.network.weights || !scenario.network.input) return;
    int const trained = kernels::read_weights_attributes(*scenario.network.weights).input.h;
    if (trained != *scenario.network.input)
        std::fprintf(stderr,
                     "skipstone: warning: the weights were trained for %d x %d pixels, network.input is %d: "
                     "predictions suffer\n",
                     trained, trained, *scenario.network.input);
}

void warn_of_foreign_precision(Scenario const& scenario) {
    auto const here = scenario.network.profile.precision, measured = scenario.accuracy.precision;
    if (here != measured)
        std::fprintf(stderr,
                     "skipstone: warning: the accuracies of %s were measured in %s, network.precision is %s: measure "
                     "them with \"skipstone study --precision %s\"\n",
                     scenario.accuracy.name.c_str(), std::string(to_string(measured)).c_str(),
                     std::string(to_string(here)).c_str(), std::string(to_string(here)).c_str());
}

void warn_of_idle_threshold(Scenario const& scenario) {
    if (scenario.objective.threshold_without_table)
        std::fprintf(
            stderr,
            "skipstone: warning: objective.accuracy_threshold has no effect: with accuracy.table = \"none\" no "
            "accuracy is known\n");
}

std::string abbreviated(std::string const& sha256) {
    return sha256.substr(0, 12) + "…";
}

// sha256: of the run's weights.
void warn_of_foreign_weights(Scenario const& scenario, std::string const& sha256) {
    auto const& measured = scenario.accuracy.weights_sha256;
    if (!measured.empty() && sha256 != measured)
        std::fprintf(stderr,
                     "skipstone: warning: the accuracies of %s were measured with other weights (sha256 %s) than those "
                     "of %s (%s): measure these with \"skipstone study\"\n",
                     scenario.accuracy.name.c_str(), abbreviated(measured).c_str(),
                     scenario.network.named_weights().c_str(), abbreviated(sha256).c_str());
}

void warn_of_high_threshold(Scenario const& scenario) {
    if (scenario.accuracy.none) return;
    double const whole = scenario.accuracy.rows.front().accuracy, needed = scenario.objective.accuracy_threshold;
    if (whole < needed)
        std::fprintf(stderr,
                     "skipstone: warning: with nothing dropped the network has an accuracy of %g in %s, below "
                     "objective.accuracy_threshold = %g: only sets of dropped blocks that reach it are planned\n",
                     whole, scenario.accuracy.name.c_str(), needed);
}

kernels::PackLayout layout_of(Scenario const& scenario, Network const& network,
                              ConvolutionChoices const& convolutions) {
    return kernels::PackLayout(network, convolutions, scenario.network.calibration.value_or(Calibration()));
}

kernels::WeightsOrigin weights_of(Scenario const& scenario, std::string const& sha256) {
    return {scenario.network.weights, scenario.seed, sha256};
}

// The images of a run; after this its weights file is read once more only, to be packed.
ImageSupply images_of(Stage const& stage, RunRequest const& request) {
    ImageSupply images(stage.scenario, stage.network, request.images, ImageOrder::drawn);
    if (stage.weights) kernels::expect_unchanged(*stage.weights);
    return images;
}

// Where exits are open, heads count.
std::size_t blocks_to_measure(Scenario const& scenario, Network const& network) {
    return scenario.exits.rules.empty() ? network.size() : network.all_blocks();
}

// Any other rank's part. A failure goes to rank 0, which ends the run.
void serve(Transport& transport, HostClock const& clock, Waker& waker, Scenario const& scenario, Network const& network,
           std::unique_ptr<BlockExecutor> executor, double ranks_per_core) {
    Node node(transport, clock, waker, std::move(executor), blocks_to_measure(scenario, network),
              scenario.emulation.clock, ranks_per_core);
    try {
        node.serve();
    } catch (std::exception const& error) {
        transport.send(0, Tag::failed,
                       pack_text("round " + std::to_string(node.round()) + ": " + what_happened(error)));
    }
}

// A trace under the default name, or of a long run under any name, is not lost by a command that is repeated.
void check_output(Stage const& stage, RunRequest const& request) {
    constexpr double long_run_s = 600;
    trace::require_writable(stage.output);
    auto const earlier = trace::earlier_file(stage.output);
    if (!earlier || request.force) return;
    auto const refuse = [&](std::string const& what) {
        throw InputError({stage.output, 0, ""}, what + "; name another file with -o, or replace it with --force");
    };
    if (!earlier->trace) refuse("is there already, and is no trace");
    if (earlier->finished && (request.output.empty() || earlier->host_s > long_run_s))
        refuse("is there already: the finished trace of " + std::to_string(earlier->rounds) + " rounds of " +
               earlier->date +
               (earlier->host_s > long_run_s
                    ? ", which took " + std::to_string(std::lround(earlier->host_s / 60)) + " minutes"
                    : ""));
}

std::string default_output(Scenario const& scenario) {
    return std::filesystem::path(scenario.file).stem().string() + "-" + scenario.planner.name +
           (scenario.emulation.clock == ClockKind::wall ? "-wall" : "-virtual") + ".h5";
}

// All that rank 0 can find wrong before anything runs is found here.
Stage prepare(RunRequest const& request, int ranks) {
    auto scenario = request.load_scenario();
    check_ranks(scenario, ranks);
    std::optional<kernels::WeightsInfo> weights;
    if (scenario.network.weights) {
        auto const& file = *scenario.network.weights;
        weights = config::read_as(config::FileKind::weights, file, [&] { return kernels::read_weights_info(file); });
        scenario = with_weights_metadata(std::move(scenario), *weights);
    }
    scenario = with_calibration(std::move(scenario), weights ? weights->sha256 : "");
    warn_of_foreign_input_size(scenario);
    warn_of_foreign_precision(scenario);
    warn_of_idle_threshold(scenario);
    if (weights) warn_of_foreign_weights(scenario, weights->sha256);
    auto network = network_of(scenario);
    Course(scenario, network);
    ConvolutionChoices convolutions;
    if (scenario.emulation.kernels) convolutions = choices_of(scenario.network.convolutions, network);
    warn_of_high_threshold(scenario);
    auto output = request.output.empty() ? default_output(scenario) : request.output;
    return {std::move(scenario),
            std::move(network),
            std::move(weights),
            std::move(convolutions),
            std::move(output),
            {},
            {},
            "none"};
}

// This rank's part among several; what escapes it concerns this rank alone.
int run_among(mpi::Communicator const& world, RunRequest const& request, HostClock const& clock, double run_start) {
    bool const first = world.rank() == 0;

    // Rank 0 reads and checks the scenario, and says the resolved text to the others: nothing, where it is wrong.
    std::optional<Stage> stage;
    std::optional<ImageSupply> images;
    std::string text;
    if (first) try {
            stage.emplace(prepare(request, world.size()));
            images.emplace(images_of(*stage, request));
            check_output(*stage, request);
            auto resolved = stage->scenario;
            resolved.network.model.reset();  // they read the file that it was imported to
            text = config::scenario_text(resolved);
        } catch (InputError const& error) {
            std::fprintf(stderr, "skipstone: %s\n", error.what());
            text.clear();
        }
    text = world.broadcast(0, text);
    if (text.empty()) return first ? bad_input : done;
    auto const weights_sha256 = world.broadcast(0, stage && stage->weights ? stage->weights->sha256 : "");
    auto const scenario = config::parse_scenario(text, "resolved scenario", "", {}, {});
    auto const network = network_of(scenario);
    auto const hosts = world.gather(0, mpi::host_name());
    auto const realtime = world.gather(0, real_time_is_allowed() ? "yes" : "no");

    std::optional<kernels::PackedNetwork> packed;
    if (scenario.emulation.kernels) {
        std::string problem;
        try {
            auto const convolutions = first ? stage->convolutions : choices_of(scenario.network.convolutions, network);
            packed.emplace(kernels::PackedNetwork::among(world.split_by_host(), network,
                                                         layout_of(scenario, network, convolutions),
                                                         weights_of(scenario, weights_sha256)));
        } catch (InputError const& error) {
            problem = error.what();
        }
        auto const problems = world.gather(0, problem);
        if (!world.all(problem.empty())) {
            auto const said = std::ranges::find_if_not(problems, &std::string::empty);
            if (said != problems.end()) std::fprintf(stderr, "skipstone: %s\n", said->c_str());
            return first ? bad_input : done;
        }
    }

    Doorbells const bells(world);
    MpiTransport transport(world, bells);
    Waker waker(clock, &bells.of(world.rank()));
    if (!first) {
        on_signals(OnSignal::ignore);  // rank 0 ends the run
        bool const has_device = static_cast<std::size_t>(world.rank()) <= scenario.fleet.size();
        serve(transport, clock, waker, scenario, network,
              packed && has_device ? make_kernel_executor(*packed) : nullptr,
              static_cast<double>(bells.ranks_here()) / usable_cores());
        transport.drain();
        on_signals(OnSignal::end);  // the launcher need not kill what is ending anyway
        return done;
    }
    on_signals(OnSignal::remember);
    stage->hosts = hosts;
    stage->realtime = realtime;
    stage->mpi_version = mpi::library_version();
    int status = bad_input;
    try {
        status = coordinate(*stage, request, transport, clock, waker, *images, run_start);
    } catch (InputError const& error) {  // the nodes were told to stop
        std::fprintf(stderr, "skipstone: %s\n", error.what());
    }
    transport.drain();
    return status;
}

}  // namespace

int run_alone(RunRequest const& request) {
    HostClock const clock;
    double const run_start = clock.now();
    auto stage = prepare(request, 1);
    auto const& scenario = stage.scenario;
    stage.hosts = {mpi::host_name()};
    auto const images = images_of(stage, request);
    check_output(stage, request);
    int const nodes = scenario.emulation.kernels
                          ? std::min(request.threads.value_or(usable_cores()), static_cast<int>(scenario.fleet.size()))
                          : 0;
    std::optional<kernels::PackedNetwork> packed;
    if (nodes > 0)
        packed.emplace(kernels::PackedNetwork::alone(stage.network,
                                                     layout_of(scenario, stage.network, stage.convolutions),
                                                     weights_of(scenario, stage.weights ? stage.weights->sha256 : "")));
    on_signals(OnSignal::remember);

    LoopbackHub hub(nodes + 1);
    Waker waker(clock);
    auto const transport = hub.connect(0, [&] { waker.notify(); });
    std::vector<std::jthread> threads;
    for (int rank = 1; rank <= nodes; ++rank)
        threads.emplace_back([&, rank] {
            Waker node_waker(clock);
            auto const mine = hub.connect(rank, [&] { node_waker.notify(); });
            try {
                Node(*mine, clock, node_waker, make_kernel_executor(*packed), stage.network.size(),
                     scenario.emulation.clock)
                    .serve();
            } catch (std::exception const& error) {
                mine->send(0, Tag::failed, pack_text(what_happened(error)));
            }
            hub.disconnect(rank);
        });
    return coordinate(stage, request, *transport, clock, waker, images, run_start);
}

int run_as_rank(RunRequest const& request) {
    HostClock const clock;
    double const run_start = clock.now();
    mpi::Environment const environment;
    auto const world = mpi::Communicator::duplicate_world();
    try {
        return world.size() == 1 ? run_alone(request) : run_among(world, request, clock, run_start);
    } catch (std::exception const& error) {  // said here: while this unwinds, the job is aborted
        auto const who = world.rank() == 0 ? "" : "rank " + std::to_string(world.rank()) + ": ";
        std::fprintf(stderr, "skipstone: %s%s\n", who.c_str(), what_happened(error).c_str());
        int const status = dynamic_cast<InputError const*>(&error) != nullptr ? bad_input : failed;
        if (world.size() == 1) return status;
        world.abort(status);
    }
}

}  // namespace skipstone::cli
