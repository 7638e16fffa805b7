#include "tests/timeline/slow_simulation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "units/random.hpp"

namespace skipstone::timeline::testing {

namespace {

using Resource = std::tuple<char, int, int>;

class Slow {
  public:
    Slow(std::vector<Job> jobs, Conditions const& conditions, Leaves leaves = {}, RoundFaults const* faults = nullptr,
         Recover const* recover = nullptr)
        : jobs_(std::move(jobs)), c_(conditions), leaves_(std::move(leaves)), faults_(faults), recover_(recover) {
        times_.end = c_.start;
        times_.jobs.resize(jobs_.size());
        states_.resize(jobs_.size());
        for (std::size_t j = 0; j < jobs_.size(); ++j) prepare(j);
    }

    RoundTimes run() {
        double now = -infinity;
        while (true) {
            now = next_instant(now);
            if (std::isinf(now)) return times_;
            while (something_ends(now) || something_is_ready(now) || something_is_lost(now) || one_recovers(now) ||
                   one_begins(now)) {
            }
            start(now);
        }
    }

    FaultyTimes run_with_faults() {
        auto const all = run();
        FaultyTimes round;
        round.times.end = all.end;
        round.lost = lost_;
        for (std::size_t j = 0; j < jobs_.size(); ++j) {
            if (states_[j].stage == Stage::failed) {
                round.failed.push_back(j);
                continue;
            }
            round.jobs.push_back(jobs_[j]);
            round.times.jobs.push_back(all.jobs[j]);
        }
        return round;
    }

  private:
    enum class At { home, waits, runs, flies, done };
    struct State {
        At at = At::home;
        double next = 0;  // when it leaves this state by itself
    };
    enum class Stage { expected, at_the_door, under_way, lost, done, failed };
    struct JobState {
        Stage stage = Stage::expected;
        std::vector<State> tasks, moves;
        double lost_at = 0, recovers_at = 0;
        DeviceId lost_device;
    };
    struct Work {
        std::size_t job = 0, index = 0;
        bool is_move = false;
    };

    static constexpr double infinity = std::numeric_limits<double>::infinity();

    void prepare(std::size_t j) {
        times_.jobs[j].tasks.resize(jobs_[j].work.tasks.size());
        times_.jobs[j].hops.resize(jobs_[j].work.moves.size());
        states_[j].tasks.resize(jobs_[j].work.tasks.size());
        states_[j].moves.resize(jobs_[j].work.moves.size());
        works_.clear();
        for (std::size_t i = 0; i < jobs_.size(); ++i) {
            for (std::size_t t = 0; t < jobs_[i].work.tasks.size(); ++t) works_.push_back({i, t, false});
            for (std::size_t m = 0; m < jobs_[i].work.moves.size(); ++m) works_.push_back({i, m, true});
        }
    }

    // When something may happen by itself: after `now`, or at it where that takes no time.
    double next_instant(double now) {
        double next = infinity;
        bool unfinished = false;
        for (std::size_t j = 0; j < jobs_.size(); ++j) {
            JobState const& state = states_[j];
            unfinished = unfinished || (state.stage != Stage::done && state.stage != Stage::failed);
            if (state.stage == Stage::expected) next = std::min(next, jobs_[j].ready.value());
            if (state.stage == Stage::lost) next = std::min(next, state.recovers_at);
        }
        for (Work const& work : works_)
            if (runs(work)) next = std::min(next, at(work).next);
        if (!faults_ || !unfinished || std::isinf(now)) return next;
        auto const devices = static_cast<std::int32_t>(c_.links.devices());
        auto const look_at = [&](auto const& outage_from) {
            for (auto outage = outage_from(Seconds(now)); outage; outage = outage_from(outage->end)) {
                if (outage->begin > Seconds(now)) next = std::min(next, outage->begin.value());
                if (outage->begin > Seconds(now) || std::isinf(outage->end.value())) return;
            }
        };
        for (std::int32_t i = 0; i < devices; ++i) {
            look_at([&](Seconds time) { return faults_->next(DeviceId(i), time); });
            for (std::int32_t k = i + 1; k < devices; ++k)
                look_at([&](Seconds time) { return faults_->next(DeviceId(i), DeviceId(k), time); });
        }
        return next;
    }

    bool is_under_way(Work const& w) const { return states_[w.job].stage == Stage::under_way; }
    bool runs(Work const& w) const {
        auto const& state = w.is_move ? states_[w.job].moves[w.index] : states_[w.job].tasks[w.index];
        return is_under_way(w) && (state.at == At::runs || state.at == At::flies);
    }
    bool waits(Work const& w) const {
        auto const& state = w.is_move ? states_[w.job].moves[w.index] : states_[w.job].tasks[w.index];
        return is_under_way(w) && state.at == At::waits;
    }
    State& at(Work const& w) { return w.is_move ? states_[w.job].moves[w.index] : states_[w.job].tasks[w.index]; }
    bool is_done(std::size_t j, TaskId task) const {
        return task ? states_[j].tasks[task.index()].at == At::done : states_[j].stage == Stage::under_way;
    }
    Seconds& ready(Work const& w) {
        return w.is_move ? times_.jobs[w.job].hops[w.index].ready : times_.jobs[w.job].tasks[w.index].ready;
    }
    RandomStream stream(Work const& w, char const* name) const {
        Job const& job = jobs_[w.job];
        Move const& move = job.work.moves[w.index];
        int const block = move.from ? job.work.tasks[move.from.index()].block.value() : -1;
        return {c_.seed, name, c_.round.value(), job.request.value(), block, move.stream};
    }
    std::int64_t lost_packets(Work const& w) const {
        Move const& move = jobs_[w.job].work.moves[w.index];
        if (c_.loss == 0 || move.bytes.serialised == Bytes(0)) return 0;
        auto const packets = (move.bytes.serialised.value() + 1447) / 1448;
        auto draw = stream(w, "loss");
        std::int64_t lost = 0;
        if (c_.loss > 0.5) {
            for (std::int64_t i = 0; i < packets; ++i)
                lost += static_cast<std::int64_t>(std::floor(portable_log(1 - draw.uniform()) / portable_log(c_.loss)));
            return lost;
        }
        auto left = static_cast<double>(packets);
        while (true) {
            left -= std::floor(portable_log(1 - draw.uniform()) / portable_log(1 - c_.loss));
            if (left <= 0) return lost;
            ++lost;
        }
    }
    double length(Work const& w) const {
        if (!w.is_move) return jobs_[w.job].work.tasks[w.index].duration.value();
        Move const& move = jobs_[w.job].work.moves[w.index];
        double const once = (move.bytes.serialised / c_.links.rate(move.sender, move.receiver)).value();
        std::int64_t const lost = lost_packets(w);
        if (lost == 0) return once;
        auto const packets = (move.bytes.serialised.value() + 1447) / 1448;
        return once * (static_cast<double>(packets + lost) / static_cast<double>(packets));
    }
    double delay(Work const& w) const {
        Move const& move = jobs_[w.job].work.moves[w.index];
        double const latency = c_.links.latency(move.sender, move.receiver).value();
        return std::max(0.0, latency + c_.jitter.value() * stream(w, "jitter").normal());
    }
    std::vector<Resource> needs(Work const& w) const {
        auto const& graph = jobs_[w.job].work;
        if (!w.is_move) return {{'p', graph.tasks[w.index].device.value(), 0}};
        int const from = graph.moves[w.index].sender.value(), to = graph.moves[w.index].receiver.value();
        if (c_.medium == Medium::links) return {{'l', from, to}};
        return {{'r', from, 0}, {'r', to, 0}};
    }

    bool something_ends(double now) {
        bool any = false;
        for (std::size_t j = 0; j < jobs_.size(); ++j)
            if (states_[j].stage == Stage::expected && jobs_[j].ready.value() == now) {
                any = true;
                states_[j].stage = Stage::at_the_door;
                if (c_.in_flight == 0) begin(j, now);
            }
        for (Work const& w : works_) {
            State& state = at(w);
            if (!runs(w) || state.next != now) continue;
            any = true;
            JobTimes& times = times_.jobs[w.job];
            if (w.is_move && state.at == At::runs) {
                times.hops[w.index].retransmitted_packets = lost_packets(w);
                times.hops[w.index].arrival = Seconds(now + delay(w));
                state = {At::flies, now + delay(w)};
                continue;
            }
            state.at = At::done;
            if (w.is_move) continue;
            times.finish = Seconds(now);
            times_.end = std::max(times_.end, times.finish);
            bool const left =
                leaves_ && jobs_[w.job].work.tasks[w.index].is_head() && leaves_(jobs_[w.job], TaskId(w.index));
            if (left || std::ranges::all_of(states_[w.job].tasks, [](State const& s) { return s.at == At::done; }))
                states_[w.job].stage = Stage::done;
        }
        return any;
    }

    void begin(std::size_t j, double now) {
        states_[j].stage = Stage::under_way;
        times_.jobs[j].ready = Seconds(now);
    }

    // The first one at the door, where there is room for it.
    bool one_begins(double now) {
        std::optional<std::size_t> first;
        int in_flight = 0;
        for (std::size_t j = 0; j < jobs_.size(); ++j) {
            in_flight += states_[j].stage == Stage::under_way || states_[j].stage == Stage::lost;
            if (states_[j].stage != Stage::at_the_door) continue;
            if (!first ||
                std::tie(jobs_[j].ready, jobs_[j].request) < std::tie(jobs_[*first].ready, jobs_[*first].request))
                first = j;
        }
        if (!first || in_flight >= c_.in_flight) return false;
        begin(*first, now);
        return true;
    }

    bool down(DeviceId device, double now) const { return faults_->down(device, Seconds(now)); }
    bool cut(DeviceId a, DeviceId b, double now) const {
        return faults_->down(std::min(a, b), std::max(a, b), Seconds(now));
    }

    // The device that a request lacks now. What has just become ready comes first, then devices, then links that fail.
    DeviceId lacks(std::size_t j, double now) {
        std::set<std::tuple<int, DeviceId, DeviceId, DeviceId>> found;
        for (Work const& w : works_) {
            if (w.job != j || (!waits(w) && !runs(w))) continue;
            bool const is_new = at(w).at == At::waits && ready(w).value() == now;
            auto const& graph = jobs_[j].work;
            if (!w.is_move) {
                DeviceId const on = graph.tasks[w.index].device;
                if (down(on, now)) found.emplace(is_new ? 0 : 1, on, DeviceId(), on);
                continue;
            }
            Move const& move = graph.moves[w.index];
            bool const sends = at(w).at != At::flies;
            if (is_new) {
                if (down(move.sender, now))
                    found.emplace(0, move.sender, DeviceId(), move.sender);
                else if (down(move.receiver, now) || cut(move.sender, move.receiver, now))
                    found.emplace(0, move.receiver, DeviceId(), move.receiver);
                continue;
            }
            if (sends && down(move.sender, now)) found.emplace(1, move.sender, DeviceId(), move.sender);
            if (down(move.receiver, now)) found.emplace(1, move.receiver, DeviceId(), move.receiver);
            if (sends && cut(move.sender, move.receiver, now))
                found.emplace(2, std::min(move.sender, move.receiver), std::max(move.sender, move.receiver),
                              move.receiver);
        }
        return found.empty() ? DeviceId() : std::get<3>(*found.begin());
    }

    bool something_is_lost(double now) {
        bool any = false;
        for (std::size_t j = 0; faults_ && j < jobs_.size(); ++j) {
            if (states_[j].stage != Stage::under_way) continue;
            DeviceId const device = lacks(j, now);
            if (!device) continue;
            any = true;
            states_[j].stage = Stage::lost;
            states_[j].lost_at = now;
            states_[j].recovers_at = now + faults_->detection().value();
            states_[j].lost_device = device;
        }
        return any;
    }

    bool one_recovers(double now) {
        std::optional<std::size_t> first;
        for (std::size_t j = 0; j < jobs_.size(); ++j)
            if (states_[j].stage == Stage::lost && states_[j].recovers_at == now &&
                (!first || jobs_[j].request < jobs_[*first].request))
                first = j;
        if (!first) return false;
        std::size_t const j = *first;
        Loss const loss{j, Seconds(now), states_[j].lost_device, kept_of(j, now), lost_};
        auto work = loss.kept ? (*recover_)(jobs_[j], loss) : TaskGraph();
        std::size_t const kept = work.tasks.empty() ? 0 : *loss.kept;
        auto const kept_moves = write_off(j, kept);
        if (work.tasks.empty()) {
            states_[j].stage = Stage::failed;
            times_.jobs[j].finish = Seconds();
            times_.end = std::max(times_.end, Seconds(now));
            return true;
        }
        for (std::size_t t = 0; t < work.tasks.size(); ++t)
            work.tasks[t].assigned = t < kept ? jobs_[j].work.tasks[t].assigned : Seconds(now);
        jobs_[j].work = work;
        states_[j].tasks.resize(kept);
        states_[j].moves.resize(kept_moves);
        times_.jobs[j].tasks.resize(kept);
        times_.jobs[j].hops.resize(kept_moves);
        prepare(j);
        states_[j].stage = Stage::under_way;
        return true;
    }

    // How many of a job's tasks, the first ones, need not be done again.
    std::optional<std::size_t> kept_of(std::size_t j, double now) const {
        auto const& [tasks, feeds, moves] = jobs_[j].work;
        std::optional<std::size_t> most;
        for (std::size_t kept = 0; kept < tasks.size(); ++kept) {
            if (kept > 0 && states_[j].tasks[kept - 1].at != At::done) return most;
            bool const is_boundary =
                kept == 0 || tasks[kept - 1].is_whole() || tasks[kept - 1].is_head() || tasks[kept].joins();
            if (!is_boundary) continue;
            bool all_there = true;
            for (Feed const& feed : feeds) {
                if (feed.to.index() < kept || (feed.from && feed.from.index() >= kept)) continue;
                auto const holder = feed.from ? std::optional(tasks[feed.from.index()].device) : jobs_[j].source;
                if (!holder) continue;
                Seconds const since = feed.from ? times_.jobs[j].tasks[feed.from.index()].end : times_.jobs[j].ready;
                auto const outage = faults_->next(*holder, since);
                bool const sent = std::ranges::any_of(moves, [&](Move const& m) { return m.from == feed.from; });
                bool const used = states_[j].tasks[feed.to.index()].at == At::done;
                bool const forgotten = feed.from && !sent && used;
                all_there = all_there && !forgotten && (!outage || outage->begin > Seconds(now));
            }
            if (all_there) most = kept;
        }
        return most;
    }

    // All but the first tasks and what moved to them; returns how many moves that were.
    std::size_t write_off(std::size_t j, std::size_t kept) {
        auto const& [tasks, feeds, moves] = jobs_[j].work;
        double const until = states_[j].lost_at;
        Event event{.round = c_.round.value(), .request = jobs_[j].request.value(), .flags = event_flags::failed};
        for (std::size_t t = kept; t < tasks.size(); ++t) {
            auto const& times = times_.jobs[j].tasks[t];
            At const state = states_[j].tasks[t].at;
            if (state != At::runs && state != At::done) continue;
            double const share = state == At::done ? 1 : (until - times.begin.value()) / tasks[t].duration.value();
            event.kind = EventKind::compute;
            event.device = tasks[t].device.value();
            event.block = tasks[t].block.value();
            event.part = tasks[t].part;
            event.begin_s = times.begin.value();
            event.end_s = std::min(times.end.value(), until);
            event.macs = static_cast<std::int64_t>(share * static_cast<double>(tasks[t].macs.value()));
            lost_.push_back(event);
        }
        event.macs = 0;
        std::size_t kept_moves = 0;
        for (std::size_t m = 0; m < moves.size(); ++m) {
            bool const is_kept = std::ranges::any_of(
                feeds, [&](Feed const& f) { return f.move == static_cast<int>(m) && f.to.index() < kept; });
            kept_moves += is_kept;
            At const state = states_[j].moves[m].at;
            if (is_kept || state == At::home || state == At::waits) continue;
            auto const& times = times_.jobs[j].hops[m];
            double const all = length({j, m, true});
            double const sent = state == At::runs ? (until - times.begin.value()) / all : 1;
            double const late = state == At::runs ? delay({j, m, true}) : (times.arrival - times.end).value();
            double const end = state == At::runs ? until : times.end.value();
            event.kind = EventKind::transmit;
            event.device = moves[m].sender.value();
            event.peer = moves[m].receiver.value();
            event.block = moves[m].from ? tasks[moves[m].from.index()].block.value() : -1;
            event.part = moves[m].from ? tasks[moves[m].from.index()].part : std::int16_t(-1);
            event.bytes = static_cast<std::int64_t>(sent * static_cast<double>(moves[m].bytes.shared.value()));
            event.begin_s = times.begin.value();
            event.end_s = end;
            lost_.push_back(event);
            std::swap(event.device, event.peer);
            event.kind = EventKind::receive;
            event.begin_s = times.begin.value() + late;
            event.end_s = state == At::done ? end + late : std::min(end + late, until);
            if (event.begin_s < event.end_s) lost_.push_back(event);
        }
        return kept_moves;
    }

    bool is_ready(Work const& w) const {
        auto const& graph = jobs_[w.job].work;
        auto const may_go = [&](TaskId gate) { return !gate || is_done(w.job, gate); };
        if (w.is_move) return is_done(w.job, graph.moves[w.index].from) && may_go(graph.moves[w.index].gate);
        return std::ranges::all_of(graph.feeds, [&](Feed const& feed) {
            if (feed.to != TaskId(w.index)) return true;
            if (!may_go(feed.gate)) return false;
            return feed.move < 0 ? is_done(w.job, feed.from)
                                 : states_[w.job].moves[static_cast<std::size_t>(feed.move)].at == At::done;
        });
    }

    bool something_is_ready(double now) {
        bool any = false;
        for (Work const& w : works_) {
            if (!is_under_way(w) || at(w).at != At::home || !is_ready(w)) continue;
            at(w).at = At::waits;
            ready(w) = Seconds(now);
            any = true;
        }
        return any;
    }

    void start(double now) {
        std::set<Resource> taken;
        std::vector<std::tuple<double, RequestId, std::size_t, bool, std::size_t>> waiting;
        for (Work const& w : works_) {
            if (runs(w) && at(w).at == At::runs)
                for (Resource const& r : needs(w)) taken.insert(r);
            if (waits(w)) waiting.emplace_back(ready(w).value(), jobs_[w.job].request, w.index, w.is_move, w.job);
        }
        std::ranges::sort(waiting);
        std::vector<Work> starts;
        bool instant = false;
        for (auto const& [ready, request, index, is_move, j] : waiting) {
            Work const work{j, index, is_move};
            auto const resources = needs(work);
            if (std::ranges::any_of(resources, [&](Resource const& r) { return taken.contains(r); })) continue;
            for (Resource const& r : resources) taken.insert(r);
            starts.push_back(work);
            instant = instant || now + length(work) == now;
        }
        for (Work const& w : starts) {
            double const end = now + length(w);
            if (instant && end > now) continue;
            at(w) = {At::runs, end};
            if (w.is_move) {
                times_.jobs[w.job].hops[w.index].begin = Seconds(now);
                times_.jobs[w.job].hops[w.index].end = Seconds(end);
            } else {
                times_.jobs[w.job].tasks[w.index].begin = Seconds(now);
                times_.jobs[w.job].tasks[w.index].end = Seconds(end);
            }
        }
    }

    std::vector<Job> jobs_;
    Conditions const& c_;
    Leaves leaves_;
    RoundFaults const* faults_;
    Recover const* recover_;
    std::vector<Event> lost_;
    RoundTimes times_;
    std::vector<JobState> states_;
    std::vector<Work> works_;
};

}  // namespace

RoundTimes slow_simulation(std::vector<Job> const& jobs, Conditions const& conditions) {
    return Slow(jobs, conditions).run();
}

RoundTimes slow_simulation(std::vector<Job> const& jobs, Conditions const& conditions, Leaves const& leaves) {
    return Slow(jobs, conditions, leaves).run();
}

FaultyTimes slow_simulation(std::vector<Job> jobs, Conditions const& conditions, RoundFaults const& faults,
                            Recover const& recover, Leaves const& leaves) {
    return Slow(std::move(jobs), conditions, leaves, &faults, &recover).run_with_faults();
}

}  // namespace skipstone::timeline::testing
