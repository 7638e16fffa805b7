#pragma once

#include <optional>
#include <string>

#include "model/network.hpp"

namespace skipstone::config {

// The network that a weights file carries, its root attributes `network` and `graph`; none: it has no graph. Throws
// InputError, naming file and attribute, when the file cannot be read, or holds no network.
std::optional<NetworkProfile> network_in_weights(std::string const& path);

}  // namespace skipstone::config
