#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "cli/number_options.hpp"
#include "cli/trained_network.hpp"
#include "emulator/image_supply.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/host.hpp"
#include "kernels/packed_network.hpp"
#include "kernels/ranges.hpp"
#include "kernels/weights.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/output_file.hpp"

namespace skipstone::cli {

namespace {

namespace fs = std::filesystem;

struct CalibrateOptions {
    TrainedNetworkOptions network;
    std::string data, output;
    int count = 512;
};

int calibrate(CalibrateOptions const& options, Invocation const& invocation) {
    if (fs::path(options.output).extension() != ".toml")
        throw InputError("--output " + options.output + ": must end in .toml");
    auto const weights = weights_file(options.network.weights);
    auto const trained = read_trained_network(options.network, weights, invocation.profiles);
    auto const& network = trained.network;
    auto const& info = trained.weights;
    auto const count = static_cast<std::size_t>(options.count);
    Scenario scenario;
    scenario.network.weights = weights;
    emulator::ImageSupply const supply(scenario, network, options.data, emulator::ImageOrder::stored);
    kernels::expect_unchanged(info);
    if (count > supply.different())
        throw InputError({options.data, 0, ""}, "holds " + std::to_string(supply.different()) +
                                                    " images, and --count is " + std::to_string(count));
    refuse_to_replace_input(options.output);

    kernels::use_threads(kernels::usual_threads());
    auto const packed = kernels::PackedNetwork::alone(
        network, kernels::PackLayout(network, kernels::standard_choices(network)), {weights, 0, info.sha256});
    auto compute = packed.make_kernels();
    ProgressBar bar(static_cast<int>(2 * count));
    Calibration calibration{"",
                            network.name(),
                            network.input_shape(),
                            info.sha256,
                            fs::path(options.data).filename().string(),
                            options.count,
                            "skipstone calibrate, " + std::string(kernels::range_method) + ", instruction set " +
                                kernels::instruction_set(),
                            {}};
    calibration.ranges = kernels::find_ranges(
        network, compute, count, [&](std::size_t i) { return supply.image(static_cast<std::int64_t>(i)); },
        [&](std::size_t done_now) { bar.advance(static_cast<int>(done_now), "images (twice each)"); });
    bar.clear();
    write_file(options.output, config::calibration_text(calibration));
    std::printf("%s: ranges of %zu tensors of %s, from %d images\n", options.output.c_str(), calibration.ranges.size(),
                network.name().c_str(), options.count);
    return done;
}

}  // namespace

Action add_calibrate_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<CalibrateOptions>();
    add_weights_options(app, options->network);
    app.add_option("--data", options->data,
                   "images like those that are to be classified, but not those that accuracies are measured on: a "
                   "picture, a folder, a CIFAR-10 batch (.bin, .bin.xz), or HDF5 with `inputs` [N,H,W,C]")
        ->required()
        ->type_name("PATH");
    add_whole_option(app, "--count", options->count, "how many of them, from the first on", 1,
                     std::numeric_limits<int>::max())
        ->type_name("N")
        ->default_str(std::to_string(options->count));
    app.add_option("-o,--output", options->output, "calibration to write")->required()->type_name("FILE.toml");
    app.footer(
        "An int8 network needs to know what range of numbers each of its tensors has. Then:\n"
        "  skipstone study --precision int8 --calibration FILE.toml --weights … --data … -o TABLE.toml\n"
        "  skipstone run … --set network.precision=int8 --set network.calibration=FILE.toml --weights …");
    return [options, &invocation] { return calibrate(*options, invocation); };
}

}  // namespace skipstone::cli
