#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/cost_model.hpp"
#include "model/device.hpp"
#include "model/event.hpp"
#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"

// What devices and links do in time (design.md section 6): one pure discrete-event model. Times are emulated seconds
// since the run's start.
namespace skipstone::timeline {

struct Task {
    BlockId block;
    BlockMode mode = BlockMode::full;
    DeviceId device;
    Seconds duration{};
    Macs macs{};
    HopBytes output;  // what moves if the next task runs on another device
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
    Seconds jitter{0};
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

// The jobs of a plan's admitted requests, ready at max(arrival, earliest).
std::vector<Job> jobs_of(Instance const& instance, PlanResult const& plan, std::vector<Seconds> const& arrivals,
                         Seconds earliest);

// The events of a round, in the canonical order (begin, device, kind, end, request, block): compute, transmit, receive,
// and wait intervals. wait: the device has a task of a request that has arrived, but the input of none is there;
// request and block: the task that ends it.
std::vector<Event> events_of(std::vector<Job> const& jobs, RoundTimes const& times, Conditions const& conditions);

// Energy of every device over [start, end): P_c, P_t, P_r per event (transfers that overlap each count), P_idle where
// there is none of them.
std::vector<Joules> energy_of(std::vector<Event> const& events, std::vector<Powers> const& powers, Seconds start,
                              Seconds end);

}  // namespace skipstone::timeline
