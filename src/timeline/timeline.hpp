#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/cost_model.hpp"
#include "model/device.hpp"
#include "model/event.hpp"
#include "model/fault.hpp"
#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"

// What devices and links do in time: one pure discrete-event model. Times are emulated seconds
// since the run's start.
namespace skipstone::timeline {

struct Task {
    BlockId block;
    BlockMode mode = BlockMode::full;
    DeviceId device;
    Seconds duration{};
    Macs macs{};
    HopBytes output;     // what moves if the next task runs on another device
    Seconds assigned{};  // when the device was told, where that was after the job was ready
};

// A request that runs: its tasks in order, each after the one before it.
struct Job {
    RequestId request;
    Seconds ready{};  // when its image is there (arrival, or the round's start plus charged planning time)
    std::optional<DeviceId> source;  // the image moves from there to the first task's device
    Bytes input{};
    std::vector<Task> tasks;  // not empty
};

struct Conditions {
    RoundId round;
    Seconds start{};
    std::uint64_t seed = 1;  // of jitter and loss: RandomStream(seed, "jitter" | "loss", round, request, block)
    LinkTable links;
    Medium medium = Medium::links;
    Seconds jitter{0};  // this and loss: of links that have none of their own
    double loss = 0;
};

struct TaskTimes {
    Seconds ready{}, begin{}, end{};
};

// Times of the hop before task t: the image's for t = 0, else of the output of task t − 1.
struct HopTimes {
    bool moved = false;               // false: same device (or no source); then arrival = ready and the rest is unset
    Seconds ready{}, begin{}, end{};  // end of serialisation
    Seconds arrival{};                // when the tensor is there: end + latency + jitter
    std::int64_t retransmitted_packets = 0;
};

struct JobTimes {
    std::vector<HopTimes> hops;  // one per task
    std::vector<TaskTimes> tasks;
    Seconds finish{};
};

struct RoundTimes {
    std::vector<JobTimes> jobs;  // in the order of the jobs given
    Seconds end{};               // when the last job is done; the start when there is none
};

// Runs the jobs. Devices: one block at a time, non-preemptive, first come first served by (ready, request, block).
// Deterministic: depends on the arguments alone, not on the order in which simultaneous things are stored.
RoundTimes simulate(std::vector<Job> const& jobs, Conditions const& conditions);

// A job that cannot go on as it was meant to.
struct Loss {
    std::size_t job = 0;  // its place among the jobs given
    Seconds time{};       // when it was noticed
    DeviceId device;      // that was to work next, and does not, or cannot be reached
    // Tasks whose outcome is still there: the output of the last of them, on its device; with 0 the image. None when
    // that is lost, too.
    std::optional<std::size_t> kept;
    std::span<Event const> in_vain;  // what was lost so far, of all jobs
};

// The tasks that are to follow those that were kept; none when the request fails. Called in the order of time, then
// request. The first of them must not be on a device that is down, or that cannot be reached.
using Recover = std::function<std::vector<Task>(Job const& job, Loss const& loss)>;

struct FaultyTimes {
    std::vector<Job> jobs;            // those that finished, with the tasks that led there, in the order given
    RoundTimes times;                 // of these jobs; its end includes when the last request failed
    std::vector<std::size_t> failed;  // places among the jobs given
    std::vector<Event> lost;  // what was done in vain, flagged: compute, transmit and receive, cut off at a failure
};

// Runs the jobs while devices and links fail. A device that fails loses what it computes, sends, receives and holds. A
// sender keeps a tensor until its request is done: from there a request can go on. What fails at an instant still
// finishes what ends at that instant, and starts nothing.
FaultyTimes simulate(std::vector<Job> jobs, Conditions const& conditions, RoundFaults const& faults,
                     Recover const& recover);

// The jobs of a plan's admitted requests, ready at max(arrival, earliest).
std::vector<Job> jobs_of(Instance const& instance, PlanResult const& plan, std::vector<Seconds> const& arrivals,
                         Seconds earliest);

// The events of a round, in the canonical order (begin, device, kind, end, request, block): compute, transmit, receive,
// and wait intervals. wait: the device has a task of a request that has arrived, but the input of none is there;
// request and block: the task that ends it.
std::vector<Event> events_of(std::vector<Job> const& jobs, RoundTimes const& times, Conditions const& conditions);

// Likewise, with what was lost; a device that is off waits for nothing.
std::vector<Event> events_of(FaultyTimes const& round, DownTimes const& off, Conditions const& conditions);

// Energy of every device over [start, end): P_c, P_t, P_r per event (transfers that overlap each count), P_idle where
// there is none of them, nothing while it is off.
std::vector<Joules> energy_of(std::vector<Event> const& events, std::vector<Powers> const& powers, Seconds start,
                              Seconds end, DownTimes const& off = {});

}  // namespace skipstone::timeline
