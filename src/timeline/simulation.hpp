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

// Who sends the tensor that task `index` needs; none: nobody, it is there.
inline std::optional<DeviceId> sender_of(Job const& job, std::size_t index) {
    std::optional<DeviceId> const from = index == 0 ? job.source : std::optional(job.tasks[index - 1].device);
    return from == job.tasks[index].device ? std::nullopt : from;
}

// The block whose output moves in the hop before task `index`; none: the image.
inline BlockId moved_block(Job const& job, std::size_t index) {
    return index == 0 ? BlockId() : job.tasks[index - 1].block;
}

inline HopBytes moved_bytes(Job const& job, std::size_t index) {
    return index == 0 ? HopBytes{job.input, job.input} : job.tasks[index - 1].output;
}

// A job that waits for a device, a link or a radio. Jobs are served by (ready, request); the block never decides,
// because a request is in one place at a time.
struct Waiting {
    double ready = 0;
    RequestId request;
    std::size_t job = 0;
    int epoch = 0;  // of the job: it has been called off since, where that is another one

    bool operator>(Waiting const& other) const {
        return std::tie(ready, request) > std::tie(other.ready, other.request);
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
    enum class What { image_there, computed, sent, arrived, device_fails, link_fails, recover };
    struct Wake {
        double time = 0;
        std::size_t job = 0;  // or the device that fails
        What what = What::image_there;
        int epoch = 0;          // of the job
        std::int32_t rank = 0;  // among equals: the request; or, where a link fails, the device at its other end

        // At one instant what ends comes before what fails, and that before what is to be recovered.
        int phase() const { return what == What::recover ? 2 : what >= What::device_fails ? 1 : 0; }
        bool operator>(Wake const& other) const {
            if (time != other.time || phase() != other.phase())
                return std::tuple(time, phase()) > std::tuple(other.time, other.phase());
            if (phase() == 0) return false;
            return phase() == 1 ? std::tuple(what, job, rank) > std::tuple(other.what, other.job, other.rank)
                                : rank > other.rank;
        }
    };

    // What does one thing at a time: a processor or a link of medium "links", which serve their queue first come first
    // served; or a radio. A hop that cannot start waits with one of its two radios that is busy, so that nobody looks
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
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    struct Candidate {
        Waiting hop;
        std::size_t radio = none;  // with which it waits
        bool operator>(Candidate const& other) const { return hop > other.hop; }
    };

    // What a job does: the hop before its task `task`, or that task.
    enum class Phase { not_ready, waits_to_send, sends, on_its_way, waits_to_compute, computes, is_lost, done, failed };
    struct Progress {
        std::size_t task = 0;
        Phase phase = Phase::not_ready;
        int epoch = 0;  // how often it was lost
        std::size_t server = 0;
        double duration = 0;
        double delay = 0;      // latency and jitter, of a hop
        DeviceId lost_device;  // see Loss::device
    };

    struct Choice {
        std::size_t job = 0;
        double end = 0;
    };

    Job const& job(std::size_t j) const { return jobs_[j]; }
    HopTimes& hop_times(std::size_t j) { return times_.jobs[j].hops[progress_[j].task]; }
    TaskTimes& task_times(std::size_t j) { return times_.jobs[j].tasks[progress_[j].task]; }
    std::pair<std::size_t, std::size_t> radios_of(std::size_t j) const;
    void prepare_job(std::size_t j);
    bool is_void(Waiting const& waiting) const { return waiting.epoch != progress_[waiting.job].epoch; }
    void drop_void(Earliest<Waiting>& queue) const {
        while (!queue.empty() && is_void(queue.top())) queue.pop();
    }

    void handle(Wake const& wake);
    void begin_hop(std::size_t j, double now);
    void prepare_transmission(std::size_t j, DeviceId from, DeviceId to);
    void begin_task(std::size_t j, double now);
    void enqueue(std::size_t j, std::size_t server, double now);
    std::size_t link_server(DeviceId from, DeviceId to);
    void start(double now);
    void choose_hops_on_air(double now);
    void commit(std::size_t j, double now, double end);

    // With faults:
    bool can_compute(DeviceId device, double now);
    bool can_send(DeviceId from, DeviceId to, double now);
    void watch(DeviceId device, DeviceId peer, double now);
    void fail(Wake const& wake);
    void lose(std::size_t j, DeviceId device, double now);
    void recover(std::size_t j, double now);
    std::optional<std::size_t> kept_of(std::size_t j, double now) const;
    bool held(DeviceId device, Seconds since, double now) const;
    void write_off_hop(std::size_t j, std::size_t task, double now);
    void write_off(std::size_t j, std::size_t task, double now);
    void make_room(DeviceId device);

    std::vector<Job> const& jobs_;
    std::vector<Job>* changing_jobs_ = nullptr;
    FaultHandling const* handling_ = nullptr;
    std::vector<Event> lost_;
    std::set<std::pair<DeviceId, DeviceId>> watched_;  // devices, and links with the smaller device first
    std::size_t unfinished_ = 0;
    double last_failure_ = 0;
    Conditions const& conditions_;
    RoundTimes times_;
    std::vector<Progress> progress_;
    Earliest<Wake> wakes_;
    Pool servers_;                                          // processors, and links, of those that are used
    std::vector<std::size_t> processors_;                   // by device
    std::unordered_map<std::uint64_t, std::size_t> links_;  // from, to -> server
    Pool radios_;                                           // by device; medium "radio" only
    std::vector<Waiting> new_on_air_;                       // hops that no radio's queue holds yet
    std::vector<Choice> chosen_;
};

}  // namespace skipstone::timeline
