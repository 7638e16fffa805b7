#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "config/value.hpp"

namespace skipstone::config {

// The table that a TOML text holds. Throws InputError with file and line when it is no TOML, or has a key of more than
// 33 parts.
Value parse_toml(std::string_view text, std::shared_ptr<Origin const> origin);

// One TOML value, as on the right of an equals sign; a text that is no TOML value but could be a bare word is taken as
// a string. Throws InputError for brackets or quotes that do not close.
Value parse_toml_value(std::string_view text, std::shared_ptr<Origin const> origin);

// A whole file. Throws InputError when it cannot be read, is a folder, or has more than 64 MiB (a device without an end,
// say).
std::string read_text_file(std::filesystem::path const& path);
Value read_toml_file(std::filesystem::path const& path);

// A TOML basic string: quoted and escaped.
std::string toml_string(std::string_view text);

}  // namespace skipstone::config
