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

// A whole file; of what can be read only once (a pipe, standard input), what it gave the first time. Throws InputError when it cannot be read, is a folder, or has more than 64 MiB (a device without an end,
// say).
// input: it may not be written over by this process (units/input_files.hpp); own: a file that the program keeps for
// itself.
enum class Reads { input, own };
std::string read_text_file(std::filesystem::path const& path, Reads reads = Reads::input);
Value read_toml_file(std::filesystem::path const& path);

// A TOML basic string: quoted and escaped.
std::string toml_string(std::string_view text);

}  // namespace skipstone::config
