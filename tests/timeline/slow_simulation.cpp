#include "tests/timeline/slow_simulation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "units/random.hpp"

namespace skipstone::timeline::testing {

namespace {

using Resource = std::tuple<char, int, int>;

class Slow {
  public:
    Slow(std::vector<Job> const& jobs, Conditions const& conditions) : jobs_(jobs), c_(conditions) {
        times_.end = c_.start;
        times_.jobs.resize(jobs.size());
        states_.resize(jobs.size());
        for (std::size_t j = 0; j < jobs.size(); ++j) {
            times_.jobs[j].tasks.resize(jobs[j].work.tasks.size());
            times_.jobs[j].hops.resize(jobs[j].work.moves.size());
            states_[j].tasks.resize(jobs[j].work.tasks.size());
            states_[j].moves.resize(jobs[j].work.moves.size());
            for (std::size_t t = 0; t < jobs[j].work.tasks.size(); ++t) works_.push_back({j, t, false});
            for (std::size_t m = 0; m < jobs[j].work.moves.size(); ++m) works_.push_back({j, m, true});
        }
    }

    RoundTimes run() {
        while (true) {
            double now = std::numeric_limits<double>::infinity();
            for (std::size_t j = 0; j < jobs_.size(); ++j)
                if (!states_[j].image_there) now = std::min(now, jobs_[j].ready.value());
            for (Work const& work : works_)
                if (at(work).at == At::runs || at(work).at == At::flies) now = std::min(now, at(work).next);
            if (std::isinf(now)) return times_;
            while (something_ends(now) || something_is_ready(now)) {}
            start(now);
        }
    }

  private:
    enum class At { home, waits, runs, flies, done };
    struct State {
        At at = At::home;
        double next = 0;  // when it leaves this state by itself
    };
    struct JobState {
        bool image_there = false;
        std::vector<State> tasks, moves;
    };
    struct Work {
        std::size_t job = 0, index = 0;
        bool is_move = false;
    };

    State& at(Work const& w) {
        return w.is_move ? states_[w.job].moves[w.index] : states_[w.job].tasks[w.index];
    }
    bool is_done(std::size_t j, TaskId task) const {
        return task ? states_[j].tasks[task.index()].at == At::done : states_[j].image_there;
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
            if (!states_[j].image_there && jobs_[j].ready.value() == now) any = states_[j].image_there = true;
        for (Work const& w : works_) {
            State& state = at(w);
            if ((state.at != At::runs && state.at != At::flies) || state.next != now) continue;
            any = true;
            JobTimes& times = times_.jobs[w.job];
            if (w.is_move && state.at == At::runs) {
                times.hops[w.index].retransmitted_packets = lost_packets(w);
                times.hops[w.index].arrival = Seconds(now + delay(w));
                state = {At::flies, now + delay(w)};
                continue;
            }
            state.at = At::done;
            if (!w.is_move) {
                times.finish = Seconds(now);
                times_.end = std::max(times_.end, times.finish);
            }
        }
        return any;
    }

    bool is_ready(Work const& w) const {
        auto const& graph = jobs_[w.job].work;
        if (w.is_move) return is_done(w.job, graph.moves[w.index].from);
        return std::ranges::all_of(graph.feeds, [&](Feed const& feed) {
            if (feed.to != TaskId(w.index)) return true;
            return feed.move < 0 ? is_done(w.job, feed.from)
                                 : states_[w.job].moves[static_cast<std::size_t>(feed.move)].at == At::done;
        });
    }

    bool something_is_ready(double now) {
        bool any = false;
        for (Work const& w : works_) {
            if (at(w).at != At::home || !is_ready(w)) continue;
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
            if (at(w).at == At::runs)
                for (Resource const& r : needs(w)) taken.insert(r);
            if (at(w).at == At::waits)
                waiting.emplace_back(ready(w).value(), jobs_[w.job].request, w.index, w.is_move, w.job);
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

    std::vector<Job> const& jobs_;
    Conditions const& c_;
    RoundTimes times_;
    std::vector<JobState> states_;
    std::vector<Work> works_;
};

}  // namespace

RoundTimes slow_simulation(std::vector<Job> const& jobs, Conditions const& conditions) {
    return Slow(jobs, conditions).run();
}

}  // namespace skipstone::timeline::testing
