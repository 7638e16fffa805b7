#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "timeline/timeline.hpp"

// The discrete-event simulation of a round, private to this room.
namespace skipstone::timeline {

using PieceId = std::uint32_t;  // index into Simulation::pieces_

// A task or move that waits for a device, a link or a radio. They are served by (ready, request, place among the
// request's tasks or moves); pieces of one kind are numbered like that.
struct Waiting {
    double ready = 0;
    RequestId request;
    PieceId piece = 0;

    bool operator>(Waiting const& other) const {
        return std::tie(ready, request, piece) > std::tie(other.ready, other.request, other.piece);
    }
};

template <class T>
using Earliest = std::priority_queue<T, std::vector<T>, std::greater<T>>;

struct FaultHandling {
    RoundFaults const& faults;
    Recover const& recover;
};

class Simulation {
  public:
    Simulation(std::vector<Job> const& jobs, Conditions const& conditions);
    // `jobs` change where something is lost.
    Simulation(std::vector<Job>& jobs, Conditions const& conditions, FaultHandling const& handling);
    RoundTimes run();
    // After run(): what failed, and what was done in vain.
    std::vector<std::size_t> failed_jobs() const;
    std::vector<Event> take_lost() { return std::move(lost_); }

  private:
    enum class What : std::uint8_t {
        image_there,
        computed,
        sent,
        arrived,
        cannot_go_on,
        device_fails,
        link_fails,
        recover
    };
    struct Wake {
        double time = 0;
        std::uint32_t subject = 0;  // computed, sent, arrived: the piece; a failure: the device; else the job
        // Among equals: of what is recovered, the request; of what cannot go on, the device that it needs; where a link
        // fails, the device at its other end.
        std::int32_t rank = 0;
        What what = What::image_there;

        // At one instant what ends comes before what fails, and that before what is to be recovered.
        int phase() const { return what == What::recover ? 2 : what >= What::cannot_go_on ? 1 : 0; }
        bool operator>(Wake const& other) const {
            if (time != other.time) return time > other.time;
            if (phase() != other.phase()) return phase() > other.phase();
            if (phase() == 0) return false;
            return phase() == 1 ? std::tie(what, subject, rank) > std::tie(other.what, other.subject, other.rank)
                                : rank > other.rank;
        }
    };

    // What does one thing at a time: a processor or a link of medium "links", which serve their queue first come first
    // served; or a radio. A move that cannot start waits with one of its two radios that is busy, so that nobody looks
    // at it before that one is free.
    struct Resource {
        bool busy = false, touched = false;
        Earliest<Waiting> queue;
    };
    struct Pool {
        std::vector<Resource> all;
        std::vector<std::size_t> touched;  // something happened to them at this instant

        void touch(std::size_t resource) {
            if (all[resource].touched) return;
            all[resource].touched = true;
            touched.push_back(resource);
        }
        void release(std::size_t resource) {
            all[resource].busy = false;
            touch(resource);
        }
        void settle() {
            for (std::size_t const resource : touched) all[resource].touched = false;
            touched.clear();
        }
    };
    static constexpr std::uint32_t none = static_cast<std::uint32_t>(-1);
    struct Candidate {
        Waiting move;
        std::size_t radio = none;  // with which it waits
        bool operator>(Candidate const& other) const { return move > other.move; }
    };
    struct Choice {
        Waiting waiting;
        double end = 0;
    };

    enum class Kind : std::uint8_t { image, task, move };
    enum class Phase : std::uint8_t {
        not_ready,
        waits_to_send,
        sends,
        on_its_way,
        waits_to_compute,
        computes,
        done,
        called_off
    };
    // What happens to a request: its image is there, a task, a move. A request's pieces follow one another: image,
    // tasks, moves. One that goes on after a loss gets new ones.
    struct Piece {
        std::uint32_t job = 0;
        std::uint32_t index = 0;  // among the tasks, or moves
        Kind kind = Kind::task;
        Phase phase = Phase::not_ready;
        std::uint32_t missing = 0;             // feeds and gates of a task, or a move, that are not there yet
        std::uint32_t next = 0, next_end = 0;  // in next_: the tasks and moves that it brings about
        std::uint32_t server = 0;              // processor or link; on air the sender
        std::uint32_t receiver = 0;            // on air
        double duration = 0;
        double delay = 0;  // latency and jitter, of a move
    };

    enum class Stage : std::uint8_t { not_ready, under_way, lost, done, failed };
    struct Request {
        PieceId first = 0;             // its image; its tasks and moves follow
        std::uint32_t unfinished = 0;  // tasks
        Stage stage = Stage::not_ready;
        DeviceId lost_device;         // see Loss::device
        std::vector<PieceId> active;  // with faults: what waits or runs
    };

    Job const& job(std::size_t j) const { return jobs_[j]; }
    Move const& move_of(Piece const& piece) const { return jobs_[piece.job].work.moves[piece.index]; }
    HopTimes& hop_times(Piece const& piece) { return times_.jobs[piece.job].hops[piece.index]; }
    TaskTimes& task_times(Piece const& piece) { return times_.jobs[piece.job].tasks[piece.index]; }
    PieceId piece_of_task(std::size_t j, std::size_t task) const {
        return requests_[j].first + 1 + static_cast<PieceId>(task);
    }
    PieceId piece_of_move(std::size_t j, std::size_t move) const {
        return piece_of_task(j, job(j).work.tasks.size() + move);
    }
    void prepare_job(std::size_t j, std::size_t kept);
    void connect(std::size_t j);
    std::uint32_t processor(DeviceId device);
    bool is_void(Waiting const& waiting) const { return pieces_[waiting.piece].phase == Phase::called_off; }
    void drop_void(Earliest<Waiting>& queue) const {
        while (!queue.empty() && is_void(queue.top())) queue.pop();
    }

    void handle(Wake const& wake);
    bool admit(double now);
    void begin(std::size_t j, double now);
    void leave(std::size_t j, Stage stage);
    void go_on_from(PieceId id, double now);
    void begin_move(PieceId id, double now);
    void prepare_transmission(Piece& piece, Move const& move);
    void begin_task(PieceId id, double now);
    void enqueue(PieceId id, double now);
    std::uint32_t link_server(DeviceId from, DeviceId to);
    void release(Piece const& piece);
    void start(double now);
    void choose_moves_on_air(double now);
    void commit(PieceId id, double now, double end);

    // With faults:
    void activate(PieceId id) {
        if (handling_) requests_[pieces_[id].job].active.push_back(id);
    }
    void deactivate(PieceId id) {
        if (handling_) std::erase(requests_[pieces_[id].job].active, id);
    }
    bool can_compute(DeviceId device, double now);
    bool can_send(DeviceId from, DeviceId to, double now);
    void cannot_go_on(std::size_t j, DeviceId device, double now);
    void watch(DeviceId device, DeviceId peer, double now);
    void fail(Wake const& wake);
    // The device that a request lacks when that device, or the link between two, fails; none: it goes on.
    DeviceId hit_by(Request const& request, DeviceId device, DeviceId peer) const;
    void lose(std::size_t j, DeviceId device, double now);
    void recover(std::size_t j, double now);
    void adopt(std::size_t j, TaskGraph work, std::size_t kept, double now);
    std::optional<std::size_t> kept_of(std::size_t j, double now) const;
    bool is_kept(std::size_t j, Feed const& feed, double now) const;
    bool held(DeviceId device, Seconds since, double now) const;
    void write_off(std::size_t j, std::size_t task, double now);
    void write_off_move(std::size_t j, std::size_t move, double now);

    std::vector<Job> const& jobs_;
    std::vector<Job>* changing_jobs_ = nullptr;
    FaultHandling const* handling_ = nullptr;
    std::vector<Event> lost_;
    std::set<std::pair<DeviceId, DeviceId>> watched_;  // devices, and links with the smaller device first
    std::size_t unfinished_ = 0;
    int in_flight_ = 0;
    Earliest<Waiting> at_the_door_;  // images of requests that are ready and may not begin yet
    double last_failure_ = 0;
    Conditions const& conditions_;
    RoundTimes times_;
    std::vector<Request> requests_;  // per job
    std::vector<Piece> pieces_;
    std::vector<PieceId> next_;
    Earliest<Wake> wakes_;
    Pool servers_;                                            // processors, and links, of those that are used
    std::vector<std::uint32_t> processors_;                   // by device
    std::unordered_map<std::uint64_t, std::uint32_t> links_;  // from, to -> server
    Pool radios_;                                             // by device; medium "radio" only
    std::vector<Waiting> new_on_air_;                         // moves that no radio's queue holds yet
    std::vector<Choice> chosen_;
};

}  // namespace skipstone::timeline
