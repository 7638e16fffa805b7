#include "sweep/runner.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "sweep/claims.hpp"
#include "sweep/process.hpp"
#include "sweep/verify.hpp"
#include "units/error.hpp"

namespace skipstone::sweep {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int most_tries = 3;         // of a point whose process somebody else kills
constexpr double look_again_s = 0.5;  // at points that other runners have
constexpr double grace_s = 5;         // for launchers to end their ranks

constexpr char const* attempt_errors = "errors.txt";

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// The end of what a point's process wrote to its standard error.
std::string end_of(fs::path const& file) {
    constexpr std::size_t most = 4000;
    std::ifstream stream(file, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(stream), {});
    return text.size() > most ? text.substr(text.size() - most) : text;
}

std::string last_line(std::string_view text) {
    auto const end = text.find_last_not_of(" \r\n");
    if (end == std::string_view::npos) return "";
    text = text.substr(0, end + 1);
    auto const before = text.find_last_of('\n');
    return std::string(before == std::string_view::npos ? text : text.substr(before + 1));
}

std::string weights_of(Resolved const& resolved) {
    auto const& network = resolved.scenario.network;
    return network.weights ? " " + network.named_weights() : "";
}

class Runner {
  public:
    Runner(config::Sweep const& sweep, config::ProfileFolders const& folders, Manifest const& manifest,
           Folder const& folder, Program const& program, RunOptions const& options, Listener const& listener)
        : sweep_(sweep),
          folders_(folders),
          manifest_(manifest),
          folder_(folder),
          program_(program),
          options_(options),
          listener_(listener),
          claims_(folder.claims()) {}
    Runner(Runner const&) = delete;
    Runner& operator=(Runner const&) = delete;
    ~Runner() {
        for (auto const& [pid, work] : running_) ::kill(-pid, SIGKILL);
        for (auto const& [pid, work] : running_) {
            ::waitpid(pid, nullptr, 0);
            std::error_code ignored;
            fs::remove_all(work.attempt, ignored);
        }
    }

    RunOutcome run() {
        remove_stale_attempts();
        select();
        tell();
        while (signal_ == 0) {
            while (start_next()) {
            }
            if (running_.empty() && queue_.empty() && held_.empty()) break;
            if (auto const signal = signals_.wait(look_again_s); signal && *signal != SIGCHLD) signal_ = *signal;
            reap();
            if (queue_.empty() && seconds_since(looked_) > look_again_s) {
                queue_.swap(held_);
                looked_ = Clock::now();
            }
        }
        stop();
        remove_stale_attempts();
        return {progress_, signal_};
    }

  private:
    struct Work {
        Point const* point;
        fs::path attempt;
        Clock::time_point start;
    };

    // What dead runners left of points that nobody works on.
    void remove_stale_attempts() {
        if (!claims_.work()) return;
        for (auto const& [id, folder] : folder_.attempts()) {
            if (!claims_.take(id)) continue;
            std::error_code ignored;
            fs::remove_all(folder, ignored);
            claims_.release(id);
        }
    }

    std::string failure_of(Point const& point) const {
        auto const failure = folder_.failure(point.id);
        return failure ? config::failure_text(*failure) : "";
    }

    // Virtual clocks first: those with the wall clock want the host for themselves.
    void select() {
        std::set<std::string> seen;
        for (auto const clock : {ClockKind::virtual_time, ClockKind::wall})
            for (auto const index : options_.points) {
                auto const& point = manifest_.points.at(index);
                if (point.clock != clock || !seen.insert(point.id).second) continue;
                bool const done = folder_.is_done(point.id);
                auto const failure = done ? "" : failure_of(point);
                if (options_.select == Select::failed && failure.empty()) continue;
                ++progress_.asked;
                if (done) {
                    ++progress_.done;
                } else if (!failure.empty() && options_.select == Select::left) {
                    ++progress_.failed;
                } else {
                    known_failures_[point.id] = failure;
                    queue_.push_back(&point);
                }
            }
    }

    bool has_room_for(Point const& point) const {
        if (point.clock == ClockKind::virtual_time) return running_.size() < options_.jobs;
        bool const beside_virtual = std::ranges::any_of(
            running_, [](auto const& entry) { return entry.second.point->clock == ClockKind::virtual_time; });
        return running_.size() < options_.wall_jobs && !beside_virtual;
    }

    // Looks at the next point of the queue; false where there is none, or no room for it.
    bool start_next() {
        if (queue_.empty() || !has_room_for(*queue_.front())) return false;
        auto const& point = *queue_.front();
        queue_.pop_front();
        if (!settled(point)) {
            if (!claims_.take(point.id)) {
                held_.push_back(&point);
            } else if (folder_.look_again(); settled(point)) {
                claims_.release(point.id);
            } else {
                start(point);
            }
        }
        tell();
        return true;
    }

    // Another runner brought it to an end.
    bool settled(Point const& point) {
        if (folder_.is_done(point.id)) {
            ++progress_.done;
            return true;
        }
        auto const failure = failure_of(point);
        if (failure.empty() || failure == known_failures_[point.id]) return false;
        ++progress_.failed;
        return true;
    }

    void start(Point const& point) {
        Work const work{&point, folder_.new_attempt(point.id), Clock::now()};
        auto const pid = fork_worker([&] { return attempt(work); }, work.attempt / attempt_errors, signals_);
        running_.emplace(pid, work);
    }

    // In the point's own process.
    int attempt(Work const& work) const {
        auto const& point = *work.point;
        folder_.log(point.id, "started", ::getpid());
        auto const resolved = program_.resolve(scenario_of(sweep_, sweep_.points[point.index], folders_));
        if (id_of(resolved) != point.id)
            throw InputError("the scenario, or a profile or the weights file" + weights_of(resolved) +
                             " that it names, was changed while the sweep ran; start the sweep again");
        auto const trace = work.attempt / attempt_trace;
        if (int const status = program_.run(resolved.scenario, trace); status != 0) return status;
        config::SweepRecord record;
        record.id = point.id;
        record.name = point.name;
        record.digest = verified_digest(trace, resolved);
        record.trace_bytes = static_cast<std::int64_t>(fs::file_size(trace));
        record.summary = program_.summarise(trace);
        record.summary_by = program_.identity;
        record.software = program_.software;
        record.host = host_name();
        record.date = now_text();
        record.seconds = seconds_since(work.start);
        folder_.publish(work.attempt, record);
        folder_.log(point.id, "verified", ::getpid());
        return 0;
    }

    void reap() {
        int status = 0;
        for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
            auto const found = running_.find(pid);
            if (found == running_.end()) continue;
            auto const work = found->second;
            running_.erase(found);
            finish(pid, work, shell_status(status));
        }
    }

    void finish(pid_t pid, Work const& work, int status) {
        auto const& point = *work.point;
        std::optional<config::SweepFailure> failure;
        if (status == 0 || folder_.is_done(point.id)) {
            ++progress_.done;
            ++progress_.verified;
            progress_.seconds += seconds_since(work.start);
        } else if (signal_ != 0) {
            folder_.log(point.id, "interrupted", pid);
        } else if (was_interrupted(status) && ++tries_[point.id] < most_tries) {
            folder_.log(point.id, "interrupted", pid);
            queue_.push_back(&point);
        } else {
            failure = failure_after(work, status);
            folder_.write_failure(*failure);
            folder_.log(point.id, "failed", pid);
            ++progress_.failed;
        }
        std::error_code ignored;
        fs::remove_all(work.attempt, ignored);
        claims_.release(point.id);
        tell(failure ? &*failure : nullptr);
    }

    config::SweepFailure failure_after(Work const& work, int status) const {
        config::SweepFailure failure;
        failure.id = work.point->id;
        failure.name = work.point->name;
        failure.status = status;
        failure.output = end_of(work.attempt / attempt_errors);
        auto const said = last_line(failure.output);
        failure.reason = describe_status(status) + (said.empty() ? "" : ": " + said);
        if (was_interrupted(status))
            failure.reason += ", " + std::to_string(most_tries) + " times (is there too little memory?)";
        failure.seconds = seconds_since(work.start);
        failure.host = host_name();
        failure.date = now_text();
        return failure;
    }

    // Ends what is running. Launchers get the time to end their ranks.
    void stop() {
        for (auto const& [pid, work] : running_) ::kill(-pid, work.point->clock == ClockKind::wall ? SIGTERM : SIGKILL);
        auto const asked = Clock::now();
        while (!running_.empty()) {
            auto const signal = signals_.wait(0.1);
            bool const impatient = signal && *signal != SIGCHLD;
            if (impatient || seconds_since(asked) > grace_s)
                for (auto const& [pid, work] : running_) ::kill(-pid, SIGKILL);
            reap();
        }
    }

    void tell(config::SweepFailure const* failed = nullptr) {
        progress_.running = running_.size();
        progress_.held = held_.size();
        listener_(progress_, failed);
    }

    config::Sweep const& sweep_;
    config::ProfileFolders const& folders_;
    Manifest const& manifest_;
    Folder const& folder_;
    Program const& program_;
    RunOptions const& options_;
    Listener const& listener_;
    Claims claims_;
    BlockedSignals signals_;
    std::map<pid_t, Work> running_;
    std::deque<Point const*> queue_;  // to be looked at
    std::deque<Point const*> held_;   // that other runners have
    Clock::time_point looked_ = Clock::now();
    std::map<std::string, int> tries_;
    std::map<std::string, std::string> known_failures_;  // of points that this runner is to try (again)
    RunProgress progress_;
    int signal_ = 0;
};

}  // namespace

RunOutcome run(config::Sweep const& sweep, config::ProfileFolders const& folders, Manifest const& manifest,
               Folder const& folder, Program const& program, RunOptions const& options, Listener const& listener) {
    SKIPSTONE_EXPECT(manifest.complaints.empty() && options.jobs > 0 && options.wall_jobs > 0);
    return Runner(sweep, folders, manifest, folder, program, options, listener).run();
}

}  // namespace skipstone::sweep
