#include "config/toml_reader.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <utility>
#include <vector>

#include "units/error.hpp"

namespace skipstone::config {

namespace {

constexpr std::size_t largest_file = std::size_t{64} << 20;  // bytes
constexpr int most_dots = 32;                                // of one key; the library recurses over its parts

// The line of the first key with more parts than that, 0: none. Knows of TOML what tells keys from strings and
// comments.
int line_of_deep_key(std::string_view text) {
    int line = 1, dots = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i];
        if (c == '#') {
            i = std::min(text.find('\n', i), text.size()) - 1;
        } else if (c == '"' || c == '\'') {
            bool const longer = text.substr(i, 3) == std::string(3, c);
            std::string_view const end = text.substr(i, longer ? 3 : 1);
            for (i += end.size(); i < text.size() && text.substr(i, end.size()) != end; ++i) {
                if (text[i] == '\n' && !longer) break;
                if (text[i] == '\n') ++line;
                if (text[i] == '\\' && c == '"' && i + 1 < text.size() && text[i + 1] != '\n') ++i;
            }
            if (i < text.size() && text[i] == '\n') --i;  // a string that does not end
            if (longer) i += 2;
        } else if (c == '.') {
            if (++dots > most_dots) return line;
        } else if (c == '\n') {
            ++line;
            dots = 0;
        } else if (std::string_view(",=[]{}").find(c) != std::string_view::npos) {
            dots = 0;
        }
    }
    return 0;
}

void refuse_deep_keys(std::string_view text, Origin const& origin) {
    if (int const line = line_of_deep_key(text))
        throw InputError({origin.name, line, ""},
                         "a key has more than " + std::to_string(most_dots) + " dots; none that is known has so many");
}

Value converted(toml::node const& node, std::shared_ptr<Origin const> const& origin) {
    Value value;
    value.origin = origin;
    value.line = static_cast<int>(node.source().begin.line);
    if (auto const* table = node.as_table()) {
        value.type = Value::Type::table;
        // toml++ keeps keys sorted; here they stand in the order of the text.
        std::vector<std::pair<toml::key const*, toml::node const*>> entries;
        for (auto const& [key, item] : *table) entries.emplace_back(&key, &item);
        auto const position = [](auto const& entry) {
            auto const begin = entry.first->source().begin;
            return std::pair(begin.line, begin.column);
        };
        std::ranges::stable_sort(entries, {}, position);
        for (auto const& [key, item] : entries) {
            value.keys.emplace_back(key->str());
            value.items.push_back(converted(*item, origin));
            value.items.back().line = static_cast<int>(key->source().begin.line);
        }
    } else if (auto const* array = node.as_array()) {
        value.type = Value::Type::list;
        for (auto const& item : *array) value.items.push_back(converted(item, origin));
    } else if (auto const* text = node.as_string()) {
        value.type = Value::Type::text;
        value.text = text->get();
    } else if (auto const* integer = node.as_integer()) {
        value.type = Value::Type::integer;
        value.integer = integer->get();
    } else if (auto const* real = node.as_floating_point()) {
        value.type = Value::Type::real;
        value.real = real->get();
    } else if (auto const* boolean = node.as_boolean()) {
        value.type = Value::Type::boolean;
        value.boolean = boolean->get();
    } else {
        value.type = Value::Type::date;
    }
    return value;
}

}  // namespace

std::string_view describe(Value::Type type) {
    switch (type) {
        case Value::Type::null:
            return "null";
        case Value::Type::boolean:
            return "true or false";
        case Value::Type::integer:
            return "a whole number";
        case Value::Type::real:
            return "a number";
        case Value::Type::text:
            return "a string";
        case Value::Type::date:
            return "a date or time of day";
        case Value::Type::list:
            return "a list";
        case Value::Type::table:
            return "a table";
    }
    return "?";
}

Value parse_toml(std::string_view text, std::shared_ptr<Origin const> origin) {
    refuse_deep_keys(text, *origin);
    try {
        toml::table const table = toml::parse(text);
        return converted(table, origin);
    } catch (toml::parse_error const& error) {
        throw InputError({origin->name, static_cast<int>(error.source().begin.line), ""},
                         "not valid TOML: " + std::string(error.description()));
    }
}

Value parse_toml_value(std::string_view text, std::shared_ptr<Origin const> origin) {
    std::string reason;
    refuse_deep_keys(text, *origin);
    try {
        toml::table const table = toml::parse("value = " + std::string(text));
        if (table.size() == 1 && table.contains("value")) {
            Value value = converted(*table.get("value"), origin);
            if (value.type != Value::Type::date) {
                value.line = 0;
                return value;
            }
        }
    } catch (toml::parse_error const& error) {
        reason = error.description();
    }
    std::size_t const first = text.find_first_not_of(" \t");
    if (first != std::string_view::npos && std::string_view("[{\"'").find(text[first]) != std::string_view::npos)
        throw InputError({origin->name, 0, ""}, "the value is not valid TOML: " + reason);
    Value value;
    value.type = Value::Type::text;
    value.text = text;
    value.origin = std::move(origin);
    return value;
}

std::string read_text_file(std::filesystem::path const& path) {
    std::error_code error;
    auto const status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) throw InputError(path.string() + ": there is no such file");
    if (std::filesystem::is_directory(status)) throw InputError(path.string() + ": is a folder; a file is needed");
    std::ifstream file(path, std::ios::binary);
    std::string text;
    for (std::array<char, 1 << 16> part{}; file && text.size() <= largest_file;) {
        file.read(part.data(), part.size());
        text.append(part.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (!file.is_open() || file.bad()) throw InputError(path.string() + ": cannot be read; check its permissions");
    if (text.size() > largest_file)
        throw InputError(path.string() + ": is too large; files of text have at most " +
                         std::to_string(largest_file >> 20) + " MiB");
    return text;
}

Value read_toml_file(std::filesystem::path const& path) {
    auto const folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    return parse_toml(read_text_file(path), std::make_shared<Origin const>(Origin{path.string(), folder}));
}

std::string toml_string(std::string_view text) {
    std::string quoted = "\"";
    for (char const c : text) {
        auto const byte = static_cast<unsigned char>(c);
        switch (c) {
            case '"':
                quoted += "\\\"";
                break;
            case '\\':
                quoted += "\\\\";
                break;
            case '\n':
                quoted += "\\n";
                break;
            case '\t':
                quoted += "\\t";
                break;
            default:
                if (byte < 0x20 || byte == 0x7f) {
                    char escape[8];
                    std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(byte));
                    quoted += escape;
                } else {
                    quoted += c;
                }
        }
    }
    return quoted + '"';
}

}  // namespace skipstone::config
