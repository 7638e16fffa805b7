#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/network.hpp"

// What families have in common: lines of a profile, and limits.
namespace skipstone::networks {

inline std::string line(std::string_view key, std::string const& value) {
    return std::string(key) + " = " + value + "\n";
}

inline std::string quoted(std::string_view word) {
    return "\"" + std::string(word) + "\"";
}

// "1.4": the shortest text that reads as this number.
std::string number(double value);
// "[4096, 4096]"
std::string list(std::vector<int> const& values);

// The word of a value in a table of names.
template <class Value, std::size_t Size>
std::string_view word_of(std::array<std::pair<std::string_view, Value>, Size> const& names, Value value) {
    for (auto const& [word, known] : names)
        if (known == value) return word;
    return "?";
}

// Throws InputError unless input and classes are of sizes that networks have.
void require_ordinary(NetworkProfile const& profile);

}  // namespace skipstone::networks
