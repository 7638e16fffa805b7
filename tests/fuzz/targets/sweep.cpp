// A sweep file, and the scenarios of its first points.
#include <algorithm>
#include <set>

#include "config/sweep_file.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/quantities.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static config::ProfileFolders const folders{.roots = {SKIPSTONE_SOURCE_DIR "/profiles"}, .built_in = {}};
    fuzz::MemoryFile const file("sweep.toml", data, size);
    config::Sweep sweep;
    if (!fuzz::accepts([&] { sweep = config::load_sweep(file.path(), folders); })) return 0;
    fuzz::require(sweep.points.size() <= config::most_sweep_points, "a sweep has at most so many points");
    std::set<std::string> names;
    for (auto const& point : sweep.points) {
        auto const harmless = [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                   std::string_view("._+=,@-").find(c) != std::string_view::npos;
        };
        fuzz::require(!point.name.empty() && point.name.size() <= 200 && point.name.front() != '.' &&
                          point.name.front() != '-' && std::ranges::all_of(point.name, harmless),
                      "a point's name is harmless as a file's");
        fuzz::require(names.insert(point.name).second, "points have names of their own");
        fuzz::require(point.labels.size() == sweep.parameters.size(), "a point has a label per parameter");
    }
    constexpr std::size_t some = 3;
    for (std::size_t i = 0; i < std::min(some, sweep.points.size()); ++i)
        fuzz::accepts([&] { fuzz::check(config::scenario_of(sweep, sweep.points[i], folders)); });
    return 0;
}
