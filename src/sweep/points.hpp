#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/sweep_file.hpp"
#include "model/scenario.hpp"

namespace skipstone::sweep {

// A scenario as it will run.
struct Resolved {
    Scenario scenario;
    std::string weights_hash;  // of its weights file; empty without one
    // The algorithms that this host's profile has for its convolutions, as provenance has them; nothing where they do not
    // depend on that, or are another host's.
    std::optional<std::string> convolutions = std::nullopt;
};

// Completes a scenario (its weights' input size and classes) and checks that it can run. Throws InputError.
using Resolve = std::function<Resolved(Scenario)>;

// A point of a sweep as its manifest has it.
struct Point {
    std::size_t index = 0;  // in the manifest, from 0
    std::string id;         // 16 hexadecimal digits; empty: not resolved
    std::string name;
    std::uint64_t seed = 1;
    std::vector<config::SweepLabel> labels;  // one per parameter
    ClockKind clock = ClockKind::virtual_time;
};

// What is wrong with points: one message for all that it is wrong with.
struct Complaint {
    std::string message;
    std::vector<std::size_t> points;
};

struct Manifest {
    std::vector<std::string> parameters;
    std::vector<Point> points;
    std::vector<Complaint> complaints;  // of points that cannot run; their id is empty
    std::size_t duplicates = 0;         // points whose scenario is also an earlier point's: it runs once
};

// The first 16 hexadecimal digits of the SHA-256 of config::scenario_text; where the scenario has weights, their path
// is left out of the text and "weights sha256 = HASH" follows it.
std::string id_of(Resolved const& resolved);

// Resolves every point, or those that are chosen: the others have no id then. Two points with the same scenario have the
// same id.
Manifest expand(config::Sweep const& sweep, config::ProfileFolders const& folders, Resolve const& resolve);
Manifest expand(config::Sweep const& sweep, config::ProfileFolders const& folders, Resolve const& resolve,
                std::vector<std::size_t> const& chosen);

// The manifest as CSV (RFC 4180 with line feeds): index, id, name, seed and the parameters, a line per point.
std::string manifest_text(Manifest const& manifest);
// Whether such a text is of this manifest, some points of which have no id: any id is right for those.
bool agrees(std::string_view text, Manifest const& manifest);

}  // namespace skipstone::sweep
