#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "model/host_profile.hpp"

// Host profiles: JSON, "format": "skipstone-host-profile", one file per kind of host in a folder of the cache.
namespace skipstone::config {

std::string host_profile_text(HostProfile const& profile);
// Throws InputError with file, line and key.
HostProfile parse_host_profile(std::string_view text, std::string const& file);

// Where the profile of a host lies in the cache; nothing where there is no cache.
std::optional<std::filesystem::path> host_profile_path(HostIdentity const& host);
// That of this very host; nothing when there is none, or it is another host's. Throws InputError when it is damaged.
std::optional<HostProfile> load_host_profile(HostIdentity const& host);
// Replaces the file at once, or leaves it as it was. Throws InputError when it cannot be written.
void save_host_profile(std::filesystem::path const& path, HostProfile const& profile);

}  // namespace skipstone::config
