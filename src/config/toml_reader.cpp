#include "config/toml_reader.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "units/error.hpp"

namespace skipstone::config {

namespace {

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
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.is_open() || file.bad()) throw InputError(path.string() + ": cannot be read; check its permissions");
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
