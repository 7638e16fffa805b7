#pragma once

#include <functional>
#include <optional>

#include "model/host_profile.hpp"
#include "model/network.hpp"

namespace skipstone::kernels {

struct TimingSettings {
    int threads = 1, batch = 1;
    int passes = 20;                                               // through the whole network, which count
    ConvolutionPolicy convolutions = ConvolutionPolicy::standard;  // what the choices came from
    ConvolutionChoices choices;
};

// Times the network's blocks on this host, one after the other as in a run, and each one alone. Weights and images are
// made up: times do not depend on them. Nothing when `go_on` (called after every pass) says no. passes >= 1.
std::optional<NetworkTiming> time_network(Network const& network, TimingSettings const& settings,
                                          std::function<bool()> const& go_on);

}  // namespace skipstone::kernels
