#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/convolution_choice.hpp"
#include "model/host_profile.hpp"
#include "model/network.hpp"

namespace skipstone::cli {

HostIdentity this_host();

// What `bench` measured here before; nothing where it did not. A damaged profile is warned about, and passed over.
std::optional<HostProfile> profile_of_this_host();

// Host seconds that each block takes for an image on one thread, in a pass of `batch` images through the network;
// nothing where the profile has not timed that, or the network's blocks are others by now. The classifier counts by its
// classes.
std::optional<std::vector<double>> block_seconds(HostProfile const& profile, Network const& network,
                                                 ConvolutionPolicy policy, int batch = 1);

// "standard", "measured" or "direct"; throws InputError naming the option for anything else.
ConvolutionPolicy parse_convolutions(std::string const& word);

// What a policy means for a network on this host; other precisions than float32 are computed directly. Throws
// InputError where "measured" is wanted and nothing was, or what was cannot be computed here.
ConvolutionChoices choices_of(ConvolutionPolicy policy, Network const& network);

// "layer1.0.conv2: winograd-4x3; …", of those that are not direct.
std::string choices_text(ConvolutionChoices const& choices);

}  // namespace skipstone::cli
