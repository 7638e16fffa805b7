#include "emulator/setup.hpp"

#include <utility>

#include "units/error.hpp"

namespace skipstone::emulator {

Scenario with_weights_metadata(Scenario scenario) {
    if (!scenario.network.weights) return scenario;
    auto const info = kernels::read_weights_attributes(*scenario.network.weights);
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
    if (!section.input) section.input = info.input_size;
    return scenario;
}

Network network_of(Scenario const& scenario) {
    auto profile = scenario.network.profile;
    if (scenario.network.input) profile.input = *scenario.network.input;
    if (scenario.network.classes) profile.classes = *scenario.network.classes;
    return Network(std::move(profile));
}

}  // namespace skipstone::emulator
