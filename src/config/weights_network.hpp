#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/network.hpp"

namespace skipstone::config {

// The network that a weights file carries, its root attributes `network` and `graph`, without exits; none: it has no
// graph. Throws InputError, naming file and attribute, when the file cannot be read, or holds no network.
std::optional<NetworkProfile> network_in_weights(std::string const& path);

// The exits that a weights file carries for its network, whichever profile that has: NetworkProfile::exits. None: it
// has no root attribute `exits` (networks/exits_text). Throws InputError as above; whether they fit the network is for
// Network to say.
std::vector<ExitHead> exits_in_weights(std::string const& path);

// Rows, which are as many as columns, and classes of the network that a weights file is of, where the file says so.
struct WeightsShapes {
    std::optional<int> side, classes;
};
WeightsShapes shapes_in_weights(std::string const& path);

}  // namespace skipstone::config
