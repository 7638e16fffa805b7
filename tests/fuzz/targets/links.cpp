// A table of links, the file of links.file, for a fleet of a-0, a-1, a-2 and big.
#include "config/scenario_file.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/quantities.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static config::ProfileFolders const folders{.roots = {SKIPSTONE_SOURCE_DIR "/profiles"}, .built_in = {}};
    fuzz::MemoryFile const file("links.csv", data, size);
    auto const text =
        "[network]\nprofile = \"resnet20-cifar\"\n[accuracy]\ntable = \"none\"\n[fleet]\ndevices = [{profile = "
        "\"khan2023-low\", name = \"a\", count = 3}, {profile = \"khan2023-low\", name = \"big\"}]\n"
        "[links]\nprofile = \"khan2023\"\nfile = \"" +
        file.path().string() + "\"\n";
    auto const read = [](std::string_view from) {
        return config::parse_scenario(from, "scenario.toml", "", {}, folders);
    };
    Scenario scenario;
    if (!fuzz::accepts([&] { scenario = read(text); })) return 0;
    fuzz::check(scenario);
    auto const printed = config::scenario_text(scenario);
    fuzz::require(config::scenario_text(read(printed)) == printed, "what is printed is the same scenario");
    return 0;
}
