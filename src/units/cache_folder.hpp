#pragma once

#include <filesystem>
#include <optional>

namespace skipstone {

// Where Skipstone keeps what it can make again: $SKIPSTONE_CACHE, else skipstone/ under $XDG_CACHE_HOME, else
// ~/.cache/skipstone. The folder may not be there yet, and may not be writable: whoever uses it does without, then.
// Nothing when SKIPSTONE_CACHE is "off", or none of these variables (HOME) has an absolute path.
std::optional<std::filesystem::path> cache_folder();

}  // namespace skipstone
