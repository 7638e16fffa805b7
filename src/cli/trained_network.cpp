#include "cli/trained_network.hpp"

#include <CLI/CLI.hpp>
#include <utility>

#include "config/file_kind.hpp"
#include "emulator/setup.hpp"
#include "model/precision.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

namespace {

Calibration calibration_of(TrainedNetworkOptions const& options, Network const& network,
                           std::string const& weights_sha256, config::ProfileFolders const& profiles) {
    if (network.precision() != Precision::int8) {
        if (options.calibration) throw InputError("--calibration: goes with --precision int8 alone");
        return {};
    }
    if (!options.calibration)
        throw InputError("--precision int8: needs --calibration; make one with \"skipstone calibrate --weights " +
                         options.weights + " --data DATA -o FILE.toml\"");
    auto calibration = config::load_calibration(*options.calibration, profiles);
    check_calibration(calibration, network, weights_sha256);
    return calibration;
}

}  // namespace

void add_weights_options(CLI::App& app, TrainedNetworkOptions& options) {
    app.add_option("--weights", options.weights, "trained weights (HDF5), or a model in ONNX")
        ->required()
        ->type_name("FILE");
    app.add_option("--network", options.network, "network profile; default: the one that the weights name")
        ->type_name("PROFILE");
}

void add_precision_options(CLI::App& app, TrainedNetworkOptions& options) {
    app.add_option("--precision", options.precision, "what the network computes in")
        ->type_name("float32|bfloat16|int8")
        ->capture_default_str();
    app.add_option("--calibration", options.calibration,
                   "of --precision int8: a file that \"skipstone calibrate\" wrote, or a name under "
                   "profiles/calibrations")
        ->type_name("FILE");
}

TrainedNetwork read_trained_network(TrainedNetworkOptions const& options, std::string const& file,
                                    config::ProfileFolders const& profiles) {
    auto info = config::read_as(config::FileKind::weights, file, [&] { return kernels::read_weights_info(file); });
    auto profile = emulator::profile_of(info, profiles, options.network);
    profile.precision = parse_precision(options.precision);
    Network network(std::move(profile));
    auto calibration = calibration_of(options, network, info.sha256, profiles);
    return {std::move(network), std::move(info), std::move(calibration)};
}

}  // namespace skipstone::cli
