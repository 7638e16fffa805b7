#pragma once

#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "kernels/weights.hpp"
#include "model/calibration.hpp"
#include "model/network.hpp"

// Networks with trained weights, as the options of commands name them.
namespace skipstone::cli {

struct TrainedNetworkOptions {
    std::string weights;  // as the user named them: a weights file, or a model in ONNX
    std::string network;  // empty: the one that the weights name
    std::string precision = "float32";
    std::optional<std::string> calibration;
};

struct TrainedNetwork {
    Network network;
    kernels::WeightsInfo weights;
    Calibration calibration;  // of an int8 network
};

// --weights, which is required, and --network.
void add_weights_options(CLI::App& app, TrainedNetworkOptions& options);
// --precision and --calibration.
void add_precision_options(CLI::App& app, TrainedNetworkOptions& options);

// file: what weights_file() (cli/imported_model.hpp) gave for options.weights. Throws InputError where network,
// weights, precision and calibration do not go together.
TrainedNetwork read_trained_network(TrainedNetworkOptions const& options, std::string const& file,
                                    config::ProfileFolders const& profiles);

}  // namespace skipstone::cli
