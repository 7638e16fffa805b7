#pragma once

#include <functional>

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
// made up: times do not depend on them. `progress` is called after every pass. passes >= 1.
NetworkTiming time_network(Network const& network, TimingSettings const& settings,
                           std::function<void()> const& progress);

}  // namespace skipstone::kernels
