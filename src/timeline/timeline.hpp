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
#include "model/task_graph.hpp"

// What devices and links do in time: one pure discrete-event model. Times are emulated seconds
// since the run's start.
namespace skipstone::timeline {

// A request that runs. Its graph: each task has a feed at least; feeds go from a task to a later one, by `to`, then
// `from`; moves are by `from`, then `receiver`, and each has a feed; the devices of feeds and moves are those of their
// tasks. A gate is a head behind `from` and before `to`, where the output is; a move's is that of all its feeds.
// (model/task_graph.hpp makes such graphs.)
struct Job {
    RequestId request;
    Seconds ready{};  // when its image is there (arrival, or the round's start plus charged planning time); not begun
                      // before
    std::optional<DeviceId> source = {};  // who has the image; none: every device
    TaskGraph work;
};

struct Conditions {
    RoundId round;
    Seconds start{};
    // Of jitter and loss: RandomStream(seed, "jitter" | "loss", round, request, block whose output moves,
    // Move::stream).
    std::uint64_t seed = 1;
    LinkTable links;
    Medium medium = Medium::links;
    Seconds jitter{0};  // this and loss: of links that have none of their own
    double loss = 0;
    // So many requests at most are under way at once, in the order of (ready, request); the next one begins when one
    // has finished or failed. 0: no limit.
    int in_flight = 0;
};

struct TaskTimes {
    Seconds ready{}, begin{}, end{};  // ready: when the last of its feeds is there, and its gate has ended
};

// Times of a move.
struct HopTimes {
    // ready: when its output is there, and its gate has ended; end of serialisation.
    Seconds ready{}, begin{}, end{};
    Seconds arrival{};  // when the tensor is there: end + latency + jitter
    std::int64_t retransmitted_packets = 0;
};

struct JobTimes {
    std::vector<TaskTimes> tasks;
    std::vector<HopTimes> hops;  // one per move
    Seconds ready{}, finish{};   // ready: when it really began, see Conditions::in_flight
};

struct RoundTimes {
    std::vector<JobTimes> jobs;  // in the order of the jobs given
    Seconds end{};               // when the last job is done; the start when there is none
};

// Runs the jobs. Devices: one task at a time, non-preemptive, first come first served by (ready, request, task); so do
// links and radios with moves, by (ready, request, move). A task is ready when the last of its feeds is there. Feeds
// and moves that have a gate wait for that head. A request that leaves at an exit is a job whose graph ends with the
// head. Deterministic: depends on the arguments alone, not on the order in which simultaneous things are stored.
RoundTimes simulate(std::vector<Job> const& jobs, Conditions const& conditions);

// A job that cannot go on as it was meant to.
struct Loss {
    std::size_t job = 0;  // its place among the jobs given
    Seconds time{};       // when it was noticed
    DeviceId device;      // that was to work next, and does not, or cannot be reached
    // So many of its tasks, the first ones, need not be done again. They end where a block's output is whole, or with
    // the head of an exit that has judged it: it is still on that task's device. Or all parts of a block are among
    // them, each still on its device, and the next task joins them. 0: the image is still there. None: that is lost,
    // too.
    std::optional<std::size_t> kept;
    std::span<Event const> in_vain;  // what was lost so far, of all jobs
};

// The request's work from now on: a graph that begins with the tasks that were kept (same blocks, parts and devices,
// and the moves to them). Without tasks: the request fails. Called in the order of time, then request. What is then to
// be done first must not be on a device that is down, or that cannot be reached.
using Recover = std::function<TaskGraph(Job const& job, Loss const& loss)>;

struct FaultyTimes {
    std::vector<Job> jobs;            // those that finished, with the work that led there, in the order given
    RoundTimes times;                 // of these jobs; its end includes when the last request failed
    std::vector<std::size_t> failed;  // places among the jobs given
    std::vector<Event> lost;  // what was done in vain, flagged: compute, transmit and receive, cut off at a failure
};

// Runs the jobs while devices and links fail. A device that fails loses what it computes, sends, receives and holds;
// the request that needed that is called off everywhere, until it goes on. A sender keeps a tensor until its request is
// done, and others until it has been used: from there a request can go on. What fails at an instant still finishes what
// ends at that instant, and starts nothing.
FaultyTimes simulate(std::vector<Job> jobs, Conditions const& conditions, RoundFaults const& faults,
                     Recover const& recover);

// The jobs of a plan's admitted requests, ready at max(arrival, earliest).
std::vector<Job> jobs_of(Instance const& instance, PlanResult const& plan, std::vector<Seconds> const& arrivals,
                         Seconds earliest);

// The events of a round, in the canonical order (begin, device, kind, end, request, block, part, peer): compute,
// transmit, receive, and wait intervals. wait: the device has a task of a request that has arrived, but the input of
// none is there; request, block and part: the task that ends it.
std::vector<Event> events_of(std::vector<Job> const& jobs, RoundTimes const& times, Conditions const& conditions);

// Likewise, with what was lost; a device that is off waits for nothing.
std::vector<Event> events_of(FaultyTimes const& round, DownTimes const& off, Conditions const& conditions);

// Energy of every device over [start, end): P_c, P_t, P_r per event (transfers that overlap each count), P_idle where
// there is none of them, nothing while it is off.
std::vector<Joules> energy_of(std::vector<Event> const& events, std::vector<Powers> const& powers, Seconds start,
                              Seconds end, DownTimes const& off = {});

}  // namespace skipstone::timeline
