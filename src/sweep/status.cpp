#include "sweep/status.hpp"

#include <filesystem>
#include <optional>
#include <set>
#include <string_view>

#include "config/units_text.hpp"
#include "sweep/claims.hpp"
#include "units/error.hpp"
#include "units/plain_text.hpp"

namespace skipstone::sweep {

std::string_view to_string(PointState state) {
    switch (state) {
        case PointState::done:
            return "done";
        case PointState::failed:
            return "failed";
        case PointState::running:
            return "running";
        case PointState::left:
            return "left";
    }
    return "?";
}

std::vector<PointStatus> status(Manifest const& manifest, Folder const& folder) {
    std::vector<PointStatus> all(manifest.points.size());
    if (!folder.exists()) return all;
    std::optional<Claims> claims;
    if (std::filesystem::exists(folder.claims())) try {
            claims.emplace(folder.claims());
        } catch (EnvironmentError const&) {  // the folder may only be read: then nobody is seen running
        }
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto const& id = manifest.points[i].id;
        auto& one = all[i];
        if ((one.record = folder.record(id))) {
            one.state = PointState::done;
        } else if (claims && claims->is_taken(id)) {
            one.state = PointState::running;
        } else if ((one.failure = folder.failure(id))) {
            one.state = PointState::failed;
        }
    }
    return all;
}

std::vector<std::size_t> points_in(PointState state, std::vector<PointStatus> const& points) {
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < points.size(); ++i)
        if (points[i].state == state) indices.push_back(i);
    return indices;
}

std::vector<Folder::Leftover> leftovers(Manifest const& manifest, Folder const& folder) {
    std::set<std::string> ids;
    for (auto const& point : manifest.points) ids.insert(point.id);
    return folder.leftovers(ids);
}

std::vector<Folder::Leftover> remove(std::vector<Folder::Leftover> const& leftovers, Folder const& folder) {
    std::vector<Folder::Leftover> removed;
    if (leftovers.empty()) return removed;
    Claims claims(folder.claims());
    for (auto const& leftover : leftovers) {
        if (!claims.take(leftover.id)) continue;
        for (auto const& file : leftover.files) {
            std::error_code error;
            std::filesystem::remove(file, error);
            if (error) throw EnvironmentError("remove(" + file.string() + ")", error.message());
        }
        claims.release(leftover.id);
        removed.push_back(leftover);
    }
    return removed;
}

std::string status_json(Manifest const& manifest, std::vector<PointStatus> const& points,
                        std::vector<Folder::Leftover> const& leftovers) {
    std::string text = "{\n \"points\": " + std::to_string(points.size());
    for (auto const state : {PointState::done, PointState::failed, PointState::running, PointState::left})
        text += ",\n \"" + std::string(to_string(state)) + "\": " + std::to_string(points_in(state, points).size());
    double seconds = 0;
    for (auto const& point : points)
        if (point.record) seconds += point.record->seconds;
    text += ",\n \"seconds\": " + config::number_text(seconds);
    text += ",\n \"indices\": {\"running\": \"" + ranges_text(points_in(PointState::running, points)) +
            "\", \"left\": \"" + ranges_text(points_in(PointState::left, points)) + "\"}";
    text += ",\n \"failures\": [";
    bool first = true;
    for (auto const index : points_in(PointState::failed, points)) {
        auto const& failure = *points[index].failure;
        text += std::string(first ? "" : ",") + "\n  {\"index\": " + std::to_string(index) +
                ", \"id\": " + config::json_string(failure.id) +
                ", \"name\": " + config::json_string(manifest.points[index].name) +
                ", \"status\": " + std::to_string(failure.status) +
                ", \"reason\": " + config::json_string(failure.reason) +
                ", \"host\": " + config::json_string(failure.host) +
                ", \"date\": " + config::json_string(failure.date) + "}";
        first = false;
    }
    text += "],\n \"leftovers\": [";
    for (std::size_t i = 0; i < leftovers.size(); ++i)
        text += std::string(i == 0 ? "" : ",") + "\n  {\"id\": " + config::json_string(leftovers[i].id) +
                ", \"name\": " + config::json_string(leftovers[i].name) +
                ", \"bytes\": " + std::to_string(leftovers[i].bytes) + "}";
    return text + "]\n}\n";
}

std::string ranges_text(std::vector<std::size_t> const& indices) {
    std::string text;
    for (std::size_t i = 0; i < indices.size();) {
        std::size_t last = i;
        while (last + 1 < indices.size() && indices[last + 1] == indices[last] + 1) ++last;
        text += (text.empty() ? "" : ",") + std::to_string(indices[i]);
        if (last > i) text += "-" + std::to_string(indices[last]);
        i = last + 1;
    }
    return text;
}

std::vector<std::size_t> parse_ranges(std::string const& text, std::size_t count) {
    auto const fail = [&](std::string const& problem) {
        return InputError("--points " + text + ": " + problem +
                          "; write numbers and ranges, such as 0-9,12 (counted "
                          "from 0)");
    };
    std::set<std::size_t> chosen;
    auto const number = [&](std::string_view part) {
        try {
            return static_cast<std::size_t>(parse_whole_number(part, 0));
        } catch (InputError const& error) {
            throw fail(error.what());
        }
    };
    auto const plain = plain_text(text);
    if (auto const problem = lookalike(plain); !problem.empty()) throw fail(problem);
    for (std::string_view rest = plain;;) {
        auto const comma = std::min(rest.find(','), rest.size());
        auto const part = rest.substr(0, comma);
        auto const dash = std::min(part.find('-'), part.size());
        auto const first = number(part.substr(0, dash));
        auto const last = dash == part.size() ? first : number(part.substr(dash + 1));
        if (first > last) throw fail("the range " + std::string(part) + " is the wrong way round");
        if (first >= count)
            throw fail("there is no point " + std::to_string(first) + "; the sweep has " + std::to_string(count));
        for (auto i = first; i <= std::min(last, count - 1); ++i) chosen.insert(i);
        if (comma == rest.size()) break;
        rest.remove_prefix(comma + 1);
    }
    return {chosen.begin(), chosen.end()};
}

}  // namespace skipstone::sweep
