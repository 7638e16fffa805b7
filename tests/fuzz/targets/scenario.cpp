// A scenario with overrides: lines that begin with "#--set " are options of the command line, "#--set key=value".
#include "config/scenario_file.hpp"

#include <vector>

#include "tests/fuzz/quantities.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace skipstone;

std::vector<config::Override> overrides_of(std::string_view text) {
    constexpr std::string_view mark = "#--set ";
    std::vector<config::Override> overrides;
    for (std::size_t begin = 0; begin < text.size();) {
        auto const end = std::min(text.find('\n', begin), text.size());
        auto const line = text.substr(begin, end - begin);
        if (line.starts_with(mark)) overrides.push_back(config::parse_override(std::string(line.substr(mark.size()))));
        begin = end + 1;
    }
    return overrides;
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static config::ProfileFolders const folders{.roots = {SKIPSTONE_SOURCE_DIR "/profiles"}, .built_in = {}};
    auto const text = fuzz::text_of(data, size);
    auto const read = [](std::string_view from, std::vector<config::Override> const& overrides) {
        return config::parse_scenario(from, "scenario.toml", "", overrides, folders);
    };
    Scenario scenario;
    if (!fuzz::accepts([&] { scenario = read(text, overrides_of(text)); })) return 0;
    fuzz::check(scenario);
    constexpr std::size_t many = 10'000;  // devices; more of them are only slower
    if (scenario.fleet.size() > many) return 0;
    auto const printed = config::scenario_text(scenario);
    fuzz::require(config::scenario_text(read(printed, {})) == printed, "what is printed is the same scenario");
    return 0;
}
