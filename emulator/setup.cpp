#include "emulator/setup.hpp"

#include <utility>

#include "config/file_kind.hpp"
#include "emulator/image_supply.hpp"
#include "hdf5/file.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/host.hpp"
#include "kernels/packed_network.hpp"
#include "kernels/ranges.hpp"
#include "networks/graph_family.hpp"
#include "networks/graph_text.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

// Throws InputError where a file carries the graph of another network than the profile's.
void require_same_network(NetworkProfile const& profile, kernels::WeightsInfo const& weights) {
    if (weights.graph.empty()) return;
    auto const carried = networks::read_graph(weights.graph, {weights.file, 0, "graph"});
    // By their operators alone: blocks may have other names.
    if (networks::graph_text({profile.family->draw(profile).graph}) != networks::graph_text({carried.graph}))
        throw InputError({weights.file, 0, "graph"}, "is of another network than the profile " + profile.name +
                                                         "; leave the profile out, the file says what its network is");
}

bool is_square(TensorShape shape) {
    return shape.h == shape.w;
}

// With the input and the classes of the file, where the family can have others.
NetworkProfile fitted(NetworkProfile profile, kernels::WeightsInfo const& weights) {
    if (!profile.family->is_scalable()) return profile;
    profile.classes = weights.classes;
    if (!weights.graph.empty())
        profile.input = weights.input;
    else if (is_square(profile.input))  // without a graph a file knows no other inputs
        profile.input = image_shape(weights.input.h, profile.input.c);
    return profile;
}

std::string text(TensorShape input) {
    return std::to_string(input.h) + " x " + std::to_string(input.w) + " x " + std::to_string(input.c);
}

// The input of the file, where the section has none of its own: a square one of any size in place of a square one.
void take_input(Scenario::NetworkSection& section, kernels::WeightsInfo const& weights) {
    auto const& own = section.profile.input;
    if (weights.input == own) return;
    bool const resizes = own.h == own.w && weights.input.h == weights.input.w && own.c == weights.input.c;
    if (!resizes)
        throw InputError({weights.file, 0, ""}, "these weights are for an input of " + text(weights.input) +
                                                    ", that of the scenario's network has " + text(own) +
                                                    "; choose weights of that network");
    if (!section.input) section.input = weights.input.h;
}

}  // namespace

NetworkProfile profile_of(kernels::WeightsInfo const& weights, config::ProfileFolders const& folders,
                          std::string const& profile) {
    if (profile.empty() && !weights.graph.empty())
        return networks::profile_of(weights.network, networks::read_graph(weights.graph, {weights.file, 0, "graph"}));
    auto const found =
        fitted(config::load_network_profile(profile.empty() ? weights.network : profile, folders), weights);
    require_same_network(found, weights);
    return found;
}

bool is_weights_file(std::string const& name_or_path) {
    return name_or_path.ends_with(".h5") || hdf5::has_signature(name_or_path);
}

NetworkProfile find_network(std::string const& name_or_path, config::ProfileFolders const& folders) {
    if (!is_weights_file(name_or_path)) return config::load_network_profile(name_or_path, folders);
    return profile_of(config::read_as(config::FileKind::weights, name_or_path,
                                      [&] { return kernels::read_weights_attributes(name_or_path); }),
                      folders);
}

Scenario with_weights_metadata(Scenario scenario) {
    if (!scenario.network.weights) return scenario;
    auto const& weights = *scenario.network.weights;
    auto const info =
        config::read_as(config::FileKind::weights, weights, [&] { return kernels::read_weights_attributes(weights); });
    return with_weights_metadata(std::move(scenario), info);
}

Scenario with_weights_metadata(Scenario scenario, kernels::WeightsInfo const& info) {
    auto& section = scenario.network;
    SKIPSTONE_EXPECT(section.weights.has_value());
    if (info.network != section.profile.name)
        throw InputError({section.named_weights(), 0, ""}, "these are weights of " + info.network +
                                                               ", the scenario's network is " + section.profile.name +
                                                               "; choose weights of that network");
    if (section.classes && *section.classes != info.classes)
        throw InputError({section.named_weights(), 0, ""},
                         "these weights know " + std::to_string(info.classes) + " classes, network.classes is " +
                             std::to_string(*section.classes) + "; leave network.classes out");
    if (section.profile.family->is_scalable()) {
        section.classes = info.classes;
        take_input(section, info);
    }
    require_same_network(fitted(section.profile, info), info);
    return scenario;
}

Scenario with_calibration(Scenario scenario, std::string const& weights_sha256) {
    auto& section = scenario.network;
    if (section.profile.precision != Precision::int8 || !scenario.emulation.kernels) return scenario;
    auto const network = network_of(scenario);
    if (section.calibration) {
        check_calibration(*section.calibration, network, weights_sha256);
        return scenario;
    }
    if (section.weights)
        throw InputError(scenario.place_of("network.calibration"),
                         "is missing; int8 with trained weights needs to know the ranges of activations. Make a "
                         "calibration with \"skipstone calibrate --weights " +
                             section.named_weights() + " --data IMAGES -o FILE.toml\"");
    constexpr int images = 4;
    auto exact = scenario;
    exact.network.profile.precision = Precision::float32;
    auto const twin = network_of(exact);
    kernels::use_threads(kernels::usual_threads());
    auto const packed = kernels::PackedNetwork::alone(twin, kernels::PackLayout(twin, kernels::standard_choices(twin)),
                                                      {std::nullopt, scenario.seed});
    auto compute = packed.make_kernels();
    ImageSupply const supply(exact, twin, std::nullopt, ImageOrder::stored);
    section.calibration =
        Calibration{"synthetic",
                    network.name(),
                    network.input_shape(),
                    "",
                    "synthetic images",
                    images,
                    kernels::range_method,
                    kernels::find_ranges(
                        twin, compute, images,
                        [&](std::size_t i) { return supply.image(static_cast<std::int64_t>(i)); }, [](std::size_t) {})};
    return scenario;
}

Network network_of(Scenario const& scenario) {
    return Network(scenario.network.wanted_profile());
}

}  // namespace skipstone::emulator
