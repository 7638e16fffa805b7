#pragma once

#include <string>

#include "model/device.hpp"
#include "model/host_profile.hpp"

namespace skipstone::cli {

// A table of a network's blocks against the host's limits.
std::string timing_text(NetworkTiming const& timing, HostLimits const& limits);

// A device profile (TOML) of a device that computes as this host does. What bench cannot know (power, battery) is
// marked as assumed.
std::string device_profile_text(HostProfile const& profile, NetworkTiming const& timing, double memory_bytes);

}  // namespace skipstone::cli
