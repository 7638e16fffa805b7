#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "config/profiles.hpp"
#include "config/table_reader.hpp"
#include "units/error.hpp"

namespace skipstone::config {

// A profile that stands as a name, a path or a table under `key`; none when missing.
template <class Load, class Read>
auto profile_at(TableReader& reader, std::string_view key, ProfileKind kind, ProfileFolders const& folders, Load load,
                Read read) -> std::optional<decltype(load(std::string()))> {
    Value const* value = reader.get(key);
    if (!value) return std::nullopt;
    if (value->type == Value::Type::table) return read(TableReader(*value, reader.path_of(key)));
    auto const name = reader.text(key);
    std::filesystem::path path;
    try {
        path = find_profile(kind, *name, folders, value->origin->folder);
    } catch (InputError const& error) {
        reader.fail(key, error.what());
    }
    return load(path.string());
}

}  // namespace skipstone::config
