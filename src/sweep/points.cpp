#include "sweep/points.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <unordered_map>

#include "config/scenario_file.hpp"
#include "units/csv.hpp"
#include "units/error.hpp"
#include "units/sha256.hpp"

namespace skipstone::sweep {

namespace {

constexpr std::size_t id_digits = 16;

std::string hash_of(Resolved const& resolved) {
    Scenario scenario = resolved.scenario;
    scenario.network.weights.reset();
    auto text = config::scenario_text(scenario);
    if (!resolved.weights_hash.empty()) text += "weights sha256 = " + resolved.weights_hash + "\n";
    Sha256 sha;
    sha.update(std::as_bytes(std::span(text)));
    return sha.finish();
}

std::string heading(Manifest const& manifest) {
    std::string text = "index,id,name,seed";
    for (auto const& parameter : manifest.parameters) text += "," + csv_cell(parameter);
    return text + "\n";
}

// A point's line from behind its id on.
std::string rest_of(Point const& point) {
    auto text = "," + point.name + "," + std::to_string(point.seed);
    for (auto const& label : point.labels) text += "," + csv_cell(label.text);
    return text + "\n";
}

}  // namespace

std::string id_of(Resolved const& resolved) {
    return hash_of(resolved).substr(0, id_digits);
}

Manifest expand(config::Sweep const& sweep, config::ProfileFolders const& folders, Resolve const& resolve) {
    std::vector<std::size_t> all(sweep.points.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return expand(sweep, folders, resolve, all);
}

Manifest expand(config::Sweep const& sweep, config::ProfileFolders const& folders, Resolve const& resolve,
                std::vector<std::size_t> const& chosen) {
    Manifest manifest;
    manifest.parameters = sweep.parameters;
    std::map<std::string, std::size_t> complaints;            // message → place in the list
    std::unordered_map<std::string, std::string> hash_of_id;  // the whole hash
    for (std::size_t i = 0; i < sweep.points.size(); ++i) {
        auto const& wanted = sweep.points[i];
        manifest.points.push_back({i, "", wanted.name, wanted.seed, wanted.labels, ClockKind::virtual_time});
    }
    for (auto const i : chosen) {
        auto const& wanted = sweep.points.at(i);
        auto& point = manifest.points[i];
        try {
            auto const resolved = resolve(scenario_of(sweep, wanted, folders));
            auto const hash = hash_of(resolved);
            point.id = hash.substr(0, id_digits);
            point.clock = resolved.scenario.emulation.clock;
            auto const [found, fresh] = hash_of_id.emplace(point.id, hash);
            SKIPSTONE_ENSURE(found->second == hash);  // one chance in 10^9 with 10^5 points
            if (!fresh) ++manifest.duplicates;
        } catch (InputError const& error) {
            auto const [found, fresh] = complaints.emplace(error.what(), manifest.complaints.size());
            if (fresh) manifest.complaints.push_back({error.what(), {}});
            manifest.complaints[found->second].points.push_back(i);
        }
    }
    return manifest;
}

std::string manifest_text(Manifest const& manifest) {
    auto text = heading(manifest);
    for (auto const& point : manifest.points) text += std::to_string(point.index) + "," + point.id + rest_of(point);
    return text;
}

bool agrees(std::string_view text, Manifest const& manifest) {
    auto const take = [&](std::string_view part) {
        bool const there = text.starts_with(part);
        if (there) text.remove_prefix(part.size());
        return there;
    };
    if (!take(heading(manifest))) return false;
    for (auto const& point : manifest.points) {
        if (!take(std::to_string(point.index) + ",")) return false;
        auto const id = text.substr(0, id_digits);
        if (id.find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
        if (!take(point.id.empty() ? id : std::string_view(point.id)) || !take(rest_of(point))) return false;
    }
    return text.empty();
}

}  // namespace skipstone::sweep
