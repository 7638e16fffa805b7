#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace skipstone::config {

// Where values come from: a file, or an option of the command line.
struct Origin {
    std::string name;              // what messages call it: the file's path, or the option as it was given
    std::filesystem::path folder;  // what relative paths in it refer to first
};

// A value of a TOML or JSON text, with its place. Independent of the library that parsed it.
struct Value {
    enum class Type { null, boolean, integer, real, text, date, list, table };

    Type type = Type::null;
    bool boolean = false;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;
    std::vector<std::string> keys;  // of a table: one per item, in the order of the text
    std::vector<Value> items;       // of a list or a table
    std::shared_ptr<Origin const> origin;
    int line = 0;  // 0: unknown

    Value const* find(std::string_view key) const {
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (keys[i] == key) return &items[i];
        return nullptr;
    }
};

// "a string", "a whole number", … for messages.
std::string_view describe(Value::Type type);

}  // namespace skipstone::config
