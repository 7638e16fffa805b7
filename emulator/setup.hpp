#pragma once

#include <string>

#include "config/profiles.hpp"
#include "kernels/weights.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// The network that a weights file is of: as the profile (a name or a path; its input and classes are the file's) says
// where one is given, else the file's own graph, else the profile that the file names. Throws InputError when there is
// no such profile, or when profile and graph are two networks.
NetworkProfile profile_of(kernels::WeightsInfo const& weights, config::ProfileFolders const& folders,
                          std::string const& profile = "");

// Whether a name is that of a weights file, by its content or its ending.
bool is_weights_file(std::string const& name_or_path);
// The network that a name means: a profile's (a name or a path), or that of a weights file. Throws InputError.
NetworkProfile find_network(std::string const& name_or_path, config::ProfileFolders const& folders);

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
