#pragma once

#include <cstddef>
#include <string>

#include "config/sweep_file.hpp"
#include "sweep/points.hpp"
#include "sweep/runner.hpp"

namespace skipstone::sweep {

// How long a sweep takes.
struct Estimate {
    double seconds = 0;     // of the points that are left, on this host
    bool at_least = false;  // a sample was cut off, or the dilation is not known yet
    std::size_t left = 0;   // points that are neither done nor failed
    std::string basis;      // what it is made from
};

// From the points that are done; else from a few that are left, which are run for it, 10 s each at most, and thrown
// away; what computing costs is the program's forecast, where it has one. Points with the wall clock: what they emulate,
// times their dilation. jobs, wall_jobs: as in RunOptions.
Estimate estimate(config::Sweep const& sweep, config::ProfileFolders const& folders, Manifest const& manifest,
                  Folder const& folder, Program const& program, std::size_t jobs, std::size_t wall_jobs);

}  // namespace skipstone::sweep
