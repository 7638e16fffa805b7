#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "units/error.hpp"
#include "units/plain_text.hpp"

// Options that take numbers. All of them read numbers in one way (units/plain_text.hpp); an InputError says option,
// value and range.
namespace skipstone::cli {

constexpr std::int64_t any_whole = std::numeric_limits<std::int64_t>::max();

template <class Parse>
auto number_of_option(std::string const& option, std::string const& text, Parse const& parse) {
    try {
        return parse(text);
    } catch (InputError const& error) {
        throw InputError({option + " " + text, 0, ""}, error.what());
    }
}

// "-o,--output" → "--output"
inline std::string long_name(std::string const& names) {
    return names.substr(names.find("--"), names.find(',', names.find("--")) - names.find("--"));
}

// Target: an integer, or an optional one. low, high: what it must be.
template <class Target>
CLI::Option* add_whole_option(CLI::App& app, std::string const& names, Target& target, std::string const& description,
                              std::int64_t low, std::int64_t high = any_whole) {
    return app.add_option_function<std::string>(
        names,
        [&target, low, high, option = long_name(names)](std::string const& text) {
            auto const number =
                number_of_option(option, text, [&](auto const& word) { return parse_whole_number(word, low, high); });
            if constexpr (requires { typename Target::value_type; })
                target = static_cast<typename Target::value_type>(number);
            else
                target = static_cast<Target>(number);
        },
        description);
}

// Several, separated by commas.
inline CLI::Option* add_whole_list_option(CLI::App& app, std::string const& names, std::vector<int>& target,
                                          std::string const& description, std::int64_t low, std::int64_t high) {
    std::string shown;
    for (int const value : target) shown += (shown.empty() ? "" : ",") + std::to_string(value);
    return app
        .add_option_function<std::vector<std::string>>(
            names,
            [&target, low, high, option = long_name(names)](std::vector<std::string> const& words) {
                target.clear();
                for (auto const& text : words)
                    target.push_back(static_cast<int>(number_of_option(
                        option, text, [&](auto const& word) { return parse_whole_number(word, low, high); })));
            },
            description)
        ->delimiter(',')
        ->default_str(shown);
}

}  // namespace skipstone::cli
