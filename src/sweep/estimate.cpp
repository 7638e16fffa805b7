#include "sweep/estimate.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <span>
#include <system_error>
#include <vector>

#include "model/event.hpp"
#include "sweep/process.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"

namespace skipstone::sweep {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_samples = 3;
constexpr double most_seconds = 10;  // of a sample

// A folder of its own that vanishes with the object.
class ScratchFolder {
  public:
    ScratchFolder() {
        auto text = (fs::temp_directory_path() / "skipstone-sweep-XXXXXX").string();
        if (::mkdtemp(text.data()) == nullptr) throw EnvironmentError::from_errno("mkdtemp(" + text + ")");
        path_ = text;
    }
    ScratchFolder(ScratchFolder const&) = delete;
    ScratchFolder& operator=(ScratchFolder const&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    fs::path const& path() const { return path_; }

  private:
    fs::path path_;
};

struct Sample {
    double seconds = 0;
    bool cut_off = false;
    bool forecast = false;  // what computing costs is the program's forecast
    int signal = 0;         // SIGINT or SIGTERM came meanwhile
};

// Seconds that `work` takes in a process of its own; none when it fails.
std::optional<Sample> timed(std::function<int()> const& work, fs::path const& errors) {
    BlockedSignals const signals;
    auto const start = Clock::now();
    auto const passed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    auto const pid = fork_worker(work, errors, signals);
    int status = 0;
    Sample sample;
    while (::waitpid(pid, &status, WNOHANG) == 0) {
        auto const signal = signals.wait(std::max(0.0, most_seconds - passed()));
        if (signal && *signal != SIGCHLD) sample.signal = *signal;
        if (sample.signal == 0 && passed() < most_seconds) continue;
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, &status, 0);
        sample.cut_off = true;
        break;
    }
    if (!sample.cut_off && shell_status(status) != 0) return std::nullopt;
    sample.seconds = passed();
    return sample;
}

// Host seconds that a trace's computations cost, one after the other.
double kernel_seconds(trace::Reader const& reader, std::vector<double> const& block_seconds) {
    double sum = 0;
    auto const& blocks = reader.header().blocks;
    reader.for_each_batch<Event>(1 << 16, [&](std::span<Event const> events) {
        for (auto const& event : events)
            if (auto const b = static_cast<std::size_t>(event.block);
                event.kind == EventKind::compute && b < block_seconds.size() && blocks.at(b).macs > 0)
                sum += block_seconds[b] * static_cast<double>(event.macs) / static_cast<double>(blocks[b].macs);
    });
    return sum;
}

// What a run of the point costs: host seconds, or for the wall clock the emulated ones times the dilation. Where a
// forecast says what computing costs, it is run without.
std::optional<Sample> sample(Scenario scenario, Program const& program) {
    ScratchFolder const folder;
    auto const trace = folder.path() / "trace.h5";
    bool const wall = scenario.emulation.clock == ClockKind::wall;
    bool const asks = wall ? !scenario.emulation.dilation : scenario.emulation.kernels;
    auto const forecast = asks ? program.forecast(scenario) : std::nullopt;
    if (wall || forecast) {
        scenario.emulation.clock = ClockKind::virtual_time;
        scenario.emulation.kernels = false;
    }
    auto const figures = folder.path() / "figures";
    auto const work = [&] {
        if (int const status = program.run(scenario, trace); status != 0) return status;
        trace::Reader const reader(trace.string());
        std::ofstream(figures) << reader.read<trace::RoundRow>().back().end_s << ' '
                               << (forecast ? kernel_seconds(reader, forecast->block_seconds) : 0);
        return 0;
    };
    auto measured = timed(work, folder.path() / "errors.txt");
    if (!measured) return measured;
    measured->forecast = forecast.has_value();
    if (measured->cut_off) return measured;
    double emulated = 0, kernels = 0;
    std::ifstream(figures) >> emulated >> kernels;
    if (wall) {
        measured->seconds = emulated * scenario.emulation.dilation.value_or(forecast ? forecast->dilation : 1);
        measured->cut_off = asks && !forecast;
    } else if (forecast) {
        measured->seconds += kernels / static_cast<double>(forecast->threads);
    }
    return measured;
}

struct Cost {
    double seconds = 0;  // of a point
    bool at_least = false;
    std::string basis;
};

std::optional<Cost> cost_of_done(std::vector<Point const*> const& done, Folder const& folder) {
    if (done.empty()) return std::nullopt;
    double sum = 0;
    for (auto const* point : done) sum += folder.record(point->id)->seconds;
    return Cost{sum / static_cast<double>(done.size()), false,
                "the mean of the " + std::to_string(done.size()) + " done"};
}

}  // namespace

Estimate estimate(config::Sweep const& sweep, config::ProfileFolders const& folders, Manifest const& manifest,
                  Folder const& folder, Program const& program, std::size_t jobs, std::size_t wall_jobs) {
    Estimate estimate;
    for (auto const clock : {ClockKind::virtual_time, ClockKind::wall}) {
        std::set<std::string> seen;
        std::vector<Point const*> done, left;
        for (auto const& point : manifest.points) {
            if (point.clock != clock || !seen.insert(point.id).second) continue;
            if (folder.is_done(point.id))
                done.push_back(&point);
            else if (!folder.failure(point.id))
                left.push_back(&point);
        }
        if (left.empty()) continue;
        estimate.left += left.size();
        auto cost = cost_of_done(done, folder);
        if (!cost) {
            double sum = 0;
            std::size_t count = 0;
            bool at_least = false, forecast = false;
            for (std::size_t i = 0; i < std::min(most_samples, left.size()); ++i) {
                auto const& point = *left[(2 * i + 1) * left.size() / (2 * std::min(most_samples, left.size()))];
                auto const resolved = program.resolve(scenario_of(sweep, sweep.points[point.index], folders));
                auto const one = sample(resolved.scenario, program);
                if (!one) continue;
                if (one->signal != 0) ::raise(one->signal);
                sum += one->seconds;
                at_least = at_least || one->cut_off;
                forecast = forecast || one->forecast;
                ++count;
            }
            if (count == 0) {
                estimate.basis = "no point that was tried ran to its end";
                estimate.at_least = true;
                continue;
            }
            cost = Cost{sum / static_cast<double>(count), at_least,
                        clock == ClockKind::wall
                            ? "what " + std::to_string(count) + " points emulate, times their dilation" +
                                  (forecast ? " by this host's profile" : "")
                            : "the mean of " + std::to_string(count) + " that were run to measure it" +
                                  (forecast ? ", and this host's profile for the kernels" : "")};
        }
        auto const at_a_time = static_cast<double>(std::min(clock == ClockKind::wall ? wall_jobs : jobs, left.size()));
        estimate.seconds += cost->seconds * static_cast<double>(left.size()) / at_a_time;
        estimate.at_least = estimate.at_least || cost->at_least;
        char text[64];
        std::snprintf(text, sizeof text, "%.3g s a point", cost->seconds);
        estimate.basis += (estimate.basis.empty() ? "" : "; ") +
                          std::string(clock == ClockKind::wall ? "wall clock: " : "") + text + ", " + cost->basis;
    }
    return estimate;
}

}  // namespace skipstone::sweep
