#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/scenario_file.hpp"
#include "units/error.hpp"

namespace skipstone::config::test {

inline ProfileFolders shipped() {
    return {.roots = {std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "profiles"}, .built_in = {}};
}

// A folder of its own that vanishes with the object.
class Folder {
  public:
    explicit Folder(std::string const& name)
        : path_(std::filesystem::temp_directory_path() / ("skipstone-config-" + name)) {
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::filesystem::path const& path() const { return path_; }
    std::filesystem::path write(std::string const& name, std::string_view text) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << text;
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

// A small scenario; `section` has `body` instead of its usual lines, which may be none.
inline std::string scenario_with(std::string_view section = "", std::string_view body = "") {
    std::vector<std::pair<std::string, std::string>> const sections{
        {"network", "profile = \"resnet50\"\n"},
        {"accuracy", "table = \"khan2023-table2\"\n"},
        {"fleet",
         "devices = [{profile = \"khan2023-low\", count = 2}, {profile = \"khan2023-high\", name = \"big\"}]\n"},
        {"links", "profile = \"khan2023\"\n"},
        {"requests", ""},
        {"rounds", ""},
        {"objective", ""},
        {"planner", ""},
        {"faults", ""},
        {"emulation", ""}};
    std::string text;
    for (auto const& [name, lines] : sections)
        if (name == section || !lines.empty())
            text += "[" + name + "]\n" + (name == section ? std::string(body) + "\n" : lines);
    return text;
}

inline Scenario parsed(std::string const& text, std::vector<std::string> const& overrides = {}) {
    std::vector<Override> sets;
    for (auto const& set : overrides) sets.push_back(parse_override(set));
    return parse_scenario(text, "test.toml", "", sets, shipped());
}

// The message of the InputError that `action` throws; "" when it throws none.
template <class Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (InputError const& error) {
        return error.what();
    }
    return "";
}

inline void check_contains(std::string const& message, std::string_view part) {
    BOOST_TEST(message.find(part) != std::string::npos, "\"" << message << "\" should contain \"" << part << "\"");
}

}  // namespace skipstone::config::test
