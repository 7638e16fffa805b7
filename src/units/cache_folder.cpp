#include "units/cache_folder.hpp"

#include <cstdlib>
#include <string_view>

namespace skipstone {

namespace {

std::string_view variable(char const* name) {
    auto const* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

std::optional<std::filesystem::path> cache_folder() {
    using std::filesystem::path;
    auto const own = variable("SKIPSTONE_CACHE");
    if (own == "off") return std::nullopt;
    if (!own.empty()) return std::filesystem::absolute(own);
    // Relative paths are to be ignored, says the XDG base directory specification.
    if (path const base = variable("XDG_CACHE_HOME"); base.is_absolute()) return base / "skipstone";
    if (path const home = variable("HOME"); home.is_absolute()) return home / ".cache" / "skipstone";
    return std::nullopt;
}

}  // namespace skipstone
