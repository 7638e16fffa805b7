#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/bench_report.hpp"
#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "cli/number_options.hpp"
#include "cli/this_host.hpp"
#include "config/host_profile.hpp"
#include "config/profiles.hpp"
#include "emulator/setup.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/host_limits.hpp"
#include "kernels/network_timing.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/output_file.hpp"

namespace skipstone::cli {

namespace {

struct BenchOptions {
    std::string network = "resnet50";
    std::optional<int> input;
    std::vector<int> threads{1}, batches{1};
    std::vector<std::string> precisions{"float32"};
    int passes = 20;
    std::string convolutions = "standard";
    bool choose = false, json = false, no_keep = false;
    std::string device_profile, host_profile;
};

Network network_of(BenchOptions const& options, Precision precision, Invocation const& invocation) {
    auto profile = emulator::find_network(weights_file(options.network), invocation.profiles);
    profile.precision = precision;
    if (options.input) {
        if (profile.input.h != profile.input.w)
            throw InputError("--input: it is of square inputs, and that of " + profile.name + " has " +
                             std::to_string(profile.input.h) + " x " + std::to_string(profile.input.w) +
                             "; leave it out");
        profile.input = image_shape(*options.input, profile.input.c);
    }
    return Network(profile);
}

// The profile so far: this host's, without what is measured again now.
HostProfile merged(HostProfile fresh) {
    auto const before = profile_of_this_host();
    if (!before) return fresh;
    for (auto const& timing : before->timings)
        if (std::ranges::none_of(fresh.timings, [&](auto const& other) { return timing.same_setting(other); }))
            fresh.timings.push_back(timing);
    for (auto const& chosen : before->choices) fresh.choices.insert(chosen);
    return fresh;
}

ConvolutionChoices choose(Network const& network, int passes) {
    std::optional<ProgressBar> progress;
    auto const advance = [&](int done, int total) {
        if (!progress) progress.emplace(total);
        progress->advance(done, "algorithms");
    };
    return kernels::measure_choices(network, passes, advance).choices;
}

NetworkTiming time(Network const& network, kernels::TimingSettings const& settings) {
    ProgressBar progress(settings.passes + 1 + static_cast<int>(network.size()));
    auto const what = std::string(to_string(network.precision())) + ", " + std::to_string(settings.threads) +
                      " threads, batch " + std::to_string(settings.batch);
    int done = 0;
    return kernels::time_network(network, settings, [&] { progress.advance(++done, what); });
}

int bench(BenchOptions const& options, Invocation const& invocation) {
    for (int const threads : options.threads)
        if (int const cores = this_host().cores; threads > cores)
            throw InputError("--threads " + std::to_string(threads) + ": must be from 1 to " + std::to_string(cores));
    auto policy = parse_convolutions(options.convolutions);
    auto const network = network_of(options, Precision::float32, invocation);
    std::vector<Network> networks;
    for (auto const& precision : options.precisions)
        networks.push_back(network_of(options, parse_precision(precision), invocation));
    for (auto const& output : {options.device_profile, options.host_profile}) refuse_to_replace_input(output);
    HostProfile profile;
    profile.host = this_host();
    profile.limits = kernels::measure_limits();
    auto choices = ConvolutionChoices{};
    if (options.choose) {
        choices = choose(network, options.passes);
        policy = ConvolutionPolicy::measured;
        profile.choices.emplace(choices_key(network.name(), network.input_shape().h), choices);
    } else {
        choices = choices_of(policy, network);
    }
    for (int const threads : options.threads)
        for (int const batch : options.batches)
            for (auto const& contender : networks) {
                bool const chosen = contender.precision() == Precision::float32;  // others are computed directly
                profile.timings.push_back(
                    time(contender, {threads, batch, options.passes, policy, chosen ? choices : ConvolutionChoices()}));
            }
    double const drift = std::abs(kernels::fma_peak() / profile.limits.fma_flop_s - 1);

    if (options.json) {
        std::fputs(config::host_profile_text(profile).c_str(), stdout);
    } else {
        std::printf("%s, %d cores, %s, %s\n", profile.host.processor.c_str(), profile.host.cores,
                    profile.host.instruction_set.c_str(), profile.host.library.c_str());
        std::printf(
            "one core: %.1f GFLOP/s in multiply-adds (float32), %.1f in matrix products; %.1f GB/s from memory\n",
            profile.limits.fma_flop_s / 1e9, profile.limits.matmul_flop_s / 1e9, profile.limits.memory_byte_s / 1e9);
        if (options.choose)
            std::printf("chosen: %s\n", choices.empty() ? "direct everywhere" : choices_text(choices).c_str());
        for (auto const& timing : profile.timings) std::printf("\n%s", timing_text(timing, profile.limits).c_str());
    }
    if (drift > 0.05)
        std::fprintf(stderr,
                     "skipstone: warning: the peak of multiply-adds changed by %.0f %% meanwhile: something else runs "
                     "here, or the clock changes; times are not to be trusted\n",
                     100 * drift);
    if (!options.device_profile.empty())
        write_file(options.device_profile, device_profile_text(profile, profile.timings.front(),
                                                               static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                                                                   static_cast<double>(::sysconf(_SC_PAGESIZE))));
    if (options.no_keep) return done;
    if (!options.host_profile.empty()) {
        config::save_host_profile(options.host_profile, profile);
        return done;
    }
    auto const path = config::host_profile_path(profile.host);
    if (!path) return done;
    std::error_code ignored;  // where it cannot be made, the file cannot be written
    std::filesystem::create_directories(path->parent_path(), ignored);
    config::save_host_profile(*path, merged(std::move(profile)));
    std::fprintf(stderr, "skipstone: host profile: %s\n", path->c_str());
    return done;
}

}  // namespace

Action add_bench_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<BenchOptions>();
    app.add_option("--network", options->network,
                   "a network: a name under profiles/networks, a profile's file, or a weights file")
        ->type_name("PROFILE")
        ->capture_default_str();
    add_whole_option(app, "--input", options->input, "height and width of the images; default: the network's", 1, 4096)
        ->type_name("N");
    add_whole_list_option(app, "--threads", options->threads, "numbers of threads of a kernel", 1, 4096)
        ->type_name("N[,N...]");
    add_whole_list_option(app, "--batch", options->batches, "numbers of images at a time", 1, 1024)
        ->type_name("N[,N...]");
    app.add_option("--precision", options->precisions, "what the network computes in, as in network.precision")
        ->type_name("NAME[,NAME...]")
        ->delimiter(',')
        ->capture_default_str();
    add_whole_option(app, "--passes", options->passes, "through the network, of each setting", 1, 100'000)
        ->type_name("N")
        ->default_str(std::to_string(options->passes));
    app.add_option("--convolutions", options->convolutions, "how convolutions are computed, as in network.convolutions")
        ->type_name("standard|measured|direct")
        ->capture_default_str();
    app.add_flag("--choose", options->choose,
                 "measure first which algorithm is fastest for which convolution; what network.convolutions = "
                 "\"measured\" uses");
    app.add_flag("--json", options->json, "print the host profile instead of tables (analysis/plot_bench.py draws it)");
    app.add_option("--device-profile", options->device_profile,
                   "write a device profile with this host's times of the blocks, of the first setting")
        ->type_name("FILE");
    app.add_option("--host-profile", options->host_profile, "write the host profile there, not into the cache")
        ->type_name("FILE");
    app.add_flag("--no-keep", options->no_keep, "write no host profile");
    app.footer(
        "`run --dilation auto`, the estimate of `sweep expand` and that of `study` go by the host profile in the "
        "cache\n"
        "(SKIPSTONE_CACHE, else ~/.cache/skipstone); measure on a host that does nothing else.\n"
        "  skipstone bench --json > bench.json && analysis/plot_bench.py bench.json      a picture of it");
    return [options, &invocation] { return bench(*options, invocation); };
}

}  // namespace skipstone::cli
