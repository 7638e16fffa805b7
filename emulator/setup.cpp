#include "emulator/setup.hpp"

#include <utility>

#include "config/file_kind.hpp"
#include "emulator/image_supply.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/host.hpp"
#include "kernels/packed_network.hpp"
#include "kernels/ranges.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

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
        throw InputError({*section.weights, 0, ""}, "these are weights of " + info.network +
                                                        ", the scenario's network is " + section.profile.name +
                                                        "; choose weights of that network");
    if (section.classes && *section.classes != info.classes)
        throw InputError({*section.weights, 0, ""},
                         "these weights know " + std::to_string(info.classes) + " classes, network.classes is " +
                             std::to_string(*section.classes) + "; leave network.classes out");
    section.classes = info.classes;
    if (!section.input) section.input = info.input.h;
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
                             *section.weights + " --data IMAGES -o FILE.toml\"");
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
                    network.input_shape().h,
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
