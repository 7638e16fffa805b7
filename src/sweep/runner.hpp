#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/sweep_file.hpp"
#include "config/sweep_record.hpp"
#include "sweep/folder.hpp"
#include "sweep/points.hpp"

namespace skipstone::sweep {

// What a trace adds up to, in the order of a table's columns.
using Summarise = std::function<config::Figures(std::filesystem::path const& trace)>;

// What computing a scenario's network costs on this host.
struct KernelForecast {
    std::vector<double> block_seconds;  // of a whole block, one image on one thread; empty: nothing is computed
    std::size_t threads = 1;            // that compute at a time under the virtual clock
    double dilation = 1;                // what "auto" comes to with a rank per device here
};

// What a point needs of the program. `run` and `summarise` are called in a process of the point's own.
struct Program {
    Resolve resolve;
    // Writes the trace of a scenario; returns the exit status. What it says of a failure goes to standard error.
    std::function<int(Scenario const& scenario, std::filesystem::path const& trace)> run;
    Summarise summarise;
    std::function<std::optional<KernelForecast>(Scenario const& scenario)> forecast;  // nothing: not known
    std::vector<std::string> host_figures;  // names of figures that depend on the host under the virtual clock, too
    std::string software;                   // version and revision
    std::string identity;  // SHA-256 of the executable: whose summaries can be trusted to be this program's
};

enum class Select { left, failed };

struct RunOptions {
    std::vector<std::size_t> points;  // indices into the manifest that may run, in this order
    Select select = Select::left;     // which of them: those that neither are done nor failed, or those that failed
    std::size_t jobs = 1;             // points at a time
    std::size_t wall_jobs = 1;        // of those with the wall clock, which need the host for themselves
};

struct RunProgress {
    std::size_t asked = 0;  // points that are to be done when it ends
    std::size_t done = 0;   // of these; `verified` by this runner
    std::size_t verified = 0;
    std::size_t failed = 0;
    std::size_t running = 0;  // by this runner
    std::size_t held = 0;     // by other runners
    double seconds = 0;       // host seconds of the verified ones, added up
};

// Told when something changed; failed: the point that failed just now, or nullptr.
using Listener = std::function<void(RunProgress const&, config::SweepFailure const* failed)>;

struct RunOutcome {
    RunProgress progress;
    int signal = 0;  // SIGINT or SIGTERM ended it; points that were running are left
};

// Runs points, each in a forked process: trace, verification (its scenario is the point's, it finished, trace::check
// finds nothing), record, publication. Points that another runner has are waited for at the end, and taken over when it
// dies. A point that somebody else kills is tried again, three times in all. Returns when every point that was asked
// for is done or failed, or at a signal. This process must have one thread, and no HDF5 file open.
RunOutcome run(config::Sweep const& sweep, config::ProfileFolders const& folders, Manifest const& manifest,
               Folder const& folder, Program const& program, RunOptions const& options, Listener const& listener);

}  // namespace skipstone::sweep
