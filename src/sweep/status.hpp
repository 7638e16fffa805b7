#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/sweep_record.hpp"
#include "sweep/folder.hpp"
#include "sweep/points.hpp"

namespace skipstone::sweep {

enum class PointState { done, failed, running, left };

std::string_view to_string(PointState state);

struct PointStatus {
    PointState state = PointState::left;
    std::optional<config::SweepRecord> record;    // when done
    std::optional<config::SweepFailure> failure;  // when failed
};

// How far a sweep is: one entry per point of the manifest. Running: a runner holds its claim, on whatever host.
std::vector<PointStatus> status(Manifest const& manifest, Folder const& folder);

// What the folder holds of points that are no longer in the sweep.
std::vector<Folder::Leftover> leftovers(Manifest const& manifest, Folder const& folder);
// Removes such points, but not those that somebody works on; returns what it removed.
std::vector<Folder::Leftover> remove(std::vector<Folder::Leftover> const& leftovers, Folder const& folder);

// The same as JSON: {"points", "done", "failed", "running", "left": how many; "seconds": host seconds of the done ones;
// "indices": {"running", "left": "0-3,7"}; "failures": [{"index", "id", "name", "status", "reason", "host", "date"}];
// "leftovers": [{"id", "name", "bytes"}]}.
std::string status_json(Manifest const& manifest, std::vector<PointStatus> const& points,
                        std::vector<Folder::Leftover> const& leftovers);

// Indices of the points in a state.
std::vector<std::size_t> points_in(PointState state, std::vector<PointStatus> const& points);

// "0-3,7,9-12" of ascending indices.
std::string ranges_text(std::vector<std::size_t> const& indices);
// The indices that such a text names, ascending, each once; the end of a range is cut to the last of `count` points.
// Throws InputError for what is no such text, and for a range that begins past the last point.
std::vector<std::size_t> parse_ranges(std::string const& text, std::size_t count);

}  // namespace skipstone::sweep
