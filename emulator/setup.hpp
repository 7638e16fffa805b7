#pragma once

#include <string>

#include "kernels/weights.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// The scenario with the input size and the number of classes of its weights file, where it names one and has none of
// its own. Throws InputError where file and scenario disagree.
Scenario with_weights_metadata(Scenario scenario);
// The same where what the file says is known.
Scenario with_weights_metadata(Scenario scenario, kernels::WeightsInfo const& info);

// The scenario with a calibration, where its network is int8 and is to be computed: checked, if it names one; made from
// synthetic images, if it has none and its weights are random. Throws InputError where a calibration is missing, is for
// another network or other weights. weights_sha256: of the scenario's weights file; empty without one.
Scenario with_calibration(Scenario scenario, std::string const& weights_sha256);

// The network that a scenario runs.
Network network_of(Scenario const& scenario);

}  // namespace skipstone::emulator
