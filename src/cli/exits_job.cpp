#include "cli/exits_job.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <utility>

#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "cli/launcher.hpp"
#include "cli/number_options.hpp"
#include "cli/signals.hpp"
#include "emulator/host_clock.hpp"
#include "kernels/algorithms.hpp"
#include "mpi/communicator.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::cli {

using study::Workplace;

void add_exits_job_options(CLI::App& app, ExitsJobOptions& options, char const* data_help, char const* output_help,
                           char const* batch_help) {
    add_weights_options(app, options.network);
    app.add_option("--data", options.data, data_help)->required()->type_name("PATH");
    app.add_option("-o,--output", options.output, output_help)->required()->type_name("FILE.h5");
    add_whole_option(app, "--batch", options.batch, batch_help, 1, 1'000'000)
        ->type_name("N")
        ->default_str(std::to_string(options.batch));
    add_whole_option(app, "--threads", options.threads,
                     "threads per rank; default: the host's cores, shared by its ranks", 1, 4096)
        ->type_name("N");
    app.add_flag("--restart", options.restart, "forget what an interrupted call with this output had finished");
}

study::DataSet labelled_data(std::string const& path, Network const& network, kernels::WeightsInfo const& weights) {
    study::DataSet data(path, {}, inputs::InputForm(network, weights.mean, weights.std, weights.range),
                        network.classes());
    if (data.classes_met() < 2)
        throw InputError({path, 0, ""}, "has samples of one class alone (label " + std::to_string(data.label(0)) +
                                            "); exits need samples of two classes and more");
    return data;
}

namespace {

Workplace workplace_of(ExitsJobInput&& input, std::size_t batch, mpi::Communicator const* host) {
    auto const choices = input.network.precision() == Precision::float32 ? kernels::standard_choices(input.network)
                                                                         : ConvolutionChoices{};
    auto packed = study::pack(input.network, input.weights, choices, input.calibration, host);
    return {std::move(packed), std::move(input.weights), std::move(input.data), batch};
}

int threads_of(ExitsJobOptions const& options, int ranks_here) {
    return options.threads.value_or(std::max(1, emulator::usable_cores() / ranks_here));
}

std::string hashes_of(ExitsJobInput const& input) {
    auto text = input.weights.sha256;
    for (auto const& data : input.data) text += " " + data.sha256();
    return text;
}

int job_among(mpi::Communicator const& world, ExitsJobOptions const& options, ExitsJob& job) {
    bool const first = world.rank() == 0;
    std::optional<ExitsJobInput> input;
    std::string file;
    auto const prepare_here = [&] {
        try {
            if (first) file = weights_file(options.network.weights);
            input.emplace(job.prepare(file));
        } catch (InputError const& error) {
            std::fprintf(stderr, "skipstone: %s\n", error.what());
        }
    };
    // Rank 0 says what is wrong; the others look only when it found nothing.
    if (first) prepare_here();
    if (!world.all(!first || input.has_value())) return first ? bad_input : done;
    file = world.broadcast(0, file);
    if (!first) prepare_here();
    if (!world.all(input.has_value())) return first ? bad_input : done;
    auto const inputs = world.gather(0, hashes_of(*input));
    bool const same = std::ranges::all_of(inputs, [&](auto const& rank) { return rank == inputs.front(); });
    if (!same)
        std::fprintf(stderr,
                     "skipstone: weights or data are other ones on other ranks: they were changed while the job "
                     "started, or the hosts have different files under these paths\n");
    if (!world.all(same)) return first ? bad_input : done;
    auto const host = world.split_by_host();
    std::optional<Workplace> workplace;
    std::string problem;
    try {
        workplace.emplace(workplace_of(*std::move(input), options.batch, &host));
    } catch (InputError const& error) {
        problem = error.what();
    }
    auto const problems = world.gather(0, problem);
    if (!world.all(problem.empty())) {
        if (first)
            std::fprintf(stderr, "skipstone: %s\n", std::ranges::find_if_not(problems, &std::string::empty)->c_str());
        return first ? bad_input : done;
    }
    auto const threads = threads_of(options, host.size());
    auto const hands = job.hands(*workplace);
    if (!first) {
        on_signals(OnSignal::ignore);  // rank 0 ends the job
        exits::serve(hands, threads, world);
        on_signals(OnSignal::end);
        return done;
    }
    try {
        exits::Crew crew(hands, threads, &world);  // before anything can fail: other ranks wait for it
        return job.lead(*workplace, crew);
    } catch (InputError const& error) {  // the others were told to end
        std::fprintf(stderr, "skipstone: %s\n", error.what());
        return bad_input;
    }
}

int job_here(ExitsJobOptions const& options, ExitsJob& job) {
    auto const workplace = workplace_of(job.prepare(weights_file(options.network.weights)), options.batch, nullptr);
    exits::Crew crew(job.hands(workplace), threads_of(options, 1), nullptr);
    return job.lead(workplace, crew);
}

}  // namespace

int do_job(ExitsJobOptions const& options, ExitsJob& job) {
    if (auto const refused = refused_among_strangers()) return *refused;
    if (!mpi::launched()) return job_here(options, job);
    mpi::Environment const environment;
    auto const world = mpi::Communicator::duplicate_world();
    try {
        return world.size() == 1 ? job_here(options, job) : job_among(world, options, job);
    } catch (std::exception const& error) {
        std::fprintf(stderr, "skipstone: %s\n", error.what());
        int const status = dynamic_cast<InputError const*>(&error) != nullptr ? bad_input : failed;
        if (world.size() == 1) return status;
        world.abort(status);
    }
}

struct ExitsReport::State {
    using Clock = std::chrono::steady_clock;
    std::string what;
    std::unique_ptr<ProgressBar> bar;
    Clock::time_point said;

    void print(std::string const& text) {
        if (bar) bar->clear();
        std::printf("%s: %s\n", what.c_str(), text.c_str());
        std::fflush(stdout);
    }
};

ExitsReport::ExitsReport() : state_(std::make_unique<State>()) {}
ExitsReport::~ExitsReport() = default;

void ExitsReport::operator()(std::string const& what, std::string const& unit, std::size_t done_here, std::size_t count,
                             std::size_t known, double seconds_left) {
    auto& s = *state_;
    if (what != s.what) {
        s.what = what;
        s.bar = std::make_unique<ProgressBar>(static_cast<int>(count));
        if (known > 0)
            s.print("going on: " + std::to_string(known) + " of " + std::to_string(count) + " " + unit +
                    " are there already");
        s.said = State::Clock::now();
    }
    auto const left = seconds_left < 0 ? "" : ", about " + duration(seconds_left) + " left";
    s.bar->advance(static_cast<int>(done_here), unit + left + " (" + what + ")");
    if (isatty(STDERR_FILENO) != 0 || State::Clock::now() - s.said < std::chrono::seconds(10)) return;
    s.said = State::Clock::now();
    s.print(std::to_string(done_here) + " of " + std::to_string(count) + " " + unit + left);
}

void ExitsReport::clear() {
    state_->bar.reset();
}

}  // namespace skipstone::cli
