#include "config/toml_reader.hpp"

#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/plain_text.hpp"

namespace skipstone::config {

namespace {

constexpr std::size_t largest_file = std::size_t{64} << 20;  // bytes
constexpr int most_dots = 32;                                // of one key; the library recurses over its parts

// A text of TOML without keys that have more parts than that, and with what means just one thing outside of strings
// written plainly: blanks of other kinds, full-width digits. Knows of TOML what tells keys from strings and comments.
std::string checked(std::string_view text, Origin const& origin) {
    if (is_utf16(text)) throw InputError({origin.name, 0, ""}, "is text in UTF-16; save it as UTF-8");
    std::string plain;
    std::size_t copied = 0;
    int line = 1, dots = 0;
    auto const is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i];
        if (!is_ascii(c)) {
            auto end = i;
            while (end < text.size() && !is_ascii(text[end])) ++end;
            auto const foreign = text.substr(i, end - i);
            if (auto const problem = lookalike(foreign); !problem.empty())
                throw InputError({origin.name, line, ""}, "not valid TOML: " + problem);
            plain.append(text.substr(copied, i - copied)).append(plain_text(foreign));
            copied = end;
            i = end - 1;
        } else if (c == '#') {
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
            if (++dots > most_dots)
                throw InputError({origin.name, line, ""}, "a key has more than " + std::to_string(most_dots) +
                                                              " dots; none that is known has so many");
        } else if (c == '\n') {
            ++line;
            dots = 0;
        } else if (std::string_view(",=[]{}").find(c) != std::string_view::npos) {
            dots = 0;
        }
    }
    return plain.append(text.substr(copied));
}

// The text without blanks around it and a sign before it.
std::string without_sign(std::string_view text) {
    auto const first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return "";
    text = text.substr(first, text.find_last_not_of(" \t") - first + 1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    return std::string(text);
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
        if (integer->flags() != toml::value_flags::none)
            throw InputError({origin->name, value.line, ""}, "a number here is not decimal; write " +
                                                                 std::to_string(value.integer) +
                                                                 " instead of 0x…, 0o… or 0b…");
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

// Texts of pipes, terminals and the like, which can be read only once, however often they are asked for.
class ReadOnce {
  public:
    static ReadOnce& texts() {
        static ReadOnce texts;
        return texts;
    }
    std::optional<std::string> find(std::filesystem::path const& path) {
        std::scoped_lock const lock(mutex_);
        auto const found = texts_.find(identity(path));
        return found == texts_.end() ? std::nullopt : std::optional(found->second);
    }
    void keep(std::filesystem::path const& path, std::string const& text) {
        std::scoped_lock const lock(mutex_);
        texts_.emplace(identity(path), text);
    }

  private:
    static std::pair<dev_t, ino_t> identity(std::filesystem::path const& path) {
        struct stat status {};
        ::stat(path.c_str(), &status);
        return {status.st_dev, status.st_ino};
    }
    std::mutex mutex_;
    std::map<std::pair<dev_t, ino_t>, std::string> texts_;
};

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
    auto const plain = checked(text, *origin);
    try {
        toml::table const table = toml::parse(plain);
        return converted(table, origin);
    } catch (toml::parse_error const& error) {
        throw InputError({origin->name, static_cast<int>(error.source().begin.line), ""},
                         "not valid TOML: " + std::string(error.description()));
    }
}

Value parse_toml_value(std::string_view text, std::shared_ptr<Origin const> origin) {
    Value word;
    word.type = Value::Type::text;
    word.text = text;
    word.origin = origin;
    std::string const unsigned_text = without_sign(plain_text(text));
    bool const digits = unsigned_text.find_first_not_of("0123456789") == std::string::npos;
    bool const other_base = unsigned_text.starts_with("0x") || unsigned_text.starts_with("0o") || unsigned_text.starts_with("0b");
    if (!unsigned_text.empty() && (digits || other_base)) {
        Value number;  // TOML itself allows no zeros in front
        number.type = Value::Type::integer;
        number.origin = origin;
        try {
            number.integer = parse_whole_number(text, std::numeric_limits<std::int64_t>::min());
        } catch (InputError const& error) {
            throw InputError({origin->name, 0, ""}, error.what());
        }
        return number;
    }
    std::size_t const first = text.find_first_not_of(" \t");
    bool const bare = first == std::string_view::npos || std::string_view("[{\"'").find(text[first]) == std::string::npos;
    if (bare && !lookalike(text).empty()) return word;
    std::string reason;
    try {
        toml::table const table = toml::parse("value = " + checked(text, *origin));
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
    if (!bare) throw InputError({origin->name, 0, ""}, "the value is not valid TOML: " + reason);
    try {  // ".5" and "5." are no TOML
        word.real = parse_decimal(text, "a number");
        word.type = Value::Type::real;
    } catch (InputError const&) {
    }
    return word;
}

std::string read_text_file(std::filesystem::path const& path, Reads reads) {
    std::error_code error;
    auto const status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) throw InputError(path.string() + ": there is no such file");
    if (std::filesystem::is_directory(status)) throw InputError(path.string() + ": is a folder; a file is needed");
    if (reads == Reads::input) remember_input(path);
    bool const once = !std::filesystem::is_regular_file(status);
    if (once)
        if (auto const known = ReadOnce::texts().find(path)) return *known;
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
    if (once) ReadOnce::texts().keep(path, text);
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
