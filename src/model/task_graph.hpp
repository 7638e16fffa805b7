#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "model/split.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

using TaskId = Id<struct TaskTag>;  // index into TaskGraph::tasks

// Bytes that a move takes.
struct HopBytes {
    Bytes serialised;  // decides the time
    Bytes shared;      // decides the shared data
};

// What one device does of a request without a break: a block, a part of one, or joining a block's parts.
struct Task {
    BlockId block;
    BlockMode mode = BlockMode::full;
    DeviceId device;
    Split split = {};        // of the block
    std::int16_t part = -1;  // −1: the whole block, computed or joined
    Seconds duration{};
    Macs macs{};
    Bytes memory{};      // m_j, weights not counted
    Bytes weights{};     // of what it runs; see Instance::weights_needed
    Seconds assigned{};  // when the device was told, where that was after the request was ready
    // It is the head of this exit of the instance: when it ends, the request leaves, or goes on with the tasks behind.
    // A request that leaves has no tasks behind the head.
    std::int32_t exit = -1;

    bool is_head() const { return exit >= 0; }
    bool joins() const { return part < 0 && !split.is_whole(); }
    // Its output is the whole output of a block of the chain.
    bool is_whole() const { return part < 0 && !is_head(); }
};

// The output of a task, or the image, on its way from where it is to another device: what that device needs of it moves
// there once.
struct Move {
    TaskId from;  // none: the image
    DeviceId sender, receiver;
    HopBytes bytes;
    std::optional<Region> region;  // the box of the sender's tensor that moves; none: all of it
    // Which of the random streams of its block is its own: 0 for a whole output's first move.
    std::int32_t stream = 0;
    TaskId gate = {};  // the head of the exit behind `from`, which lets it go; none: there is none
};

// What a task needs of another one.
struct Feed {
    TaskId from;  // none: the image
    TaskId to;
    std::int32_t move = -1;             // index into TaskGraph::moves; −1: it is on the task's device already
    std::optional<Region> region = {};  // the box that it reads; none: all of it
    TaskId gate = {};                   // as its move's; it is not ready before that ends
};

// All that devices do for one request: block by block, the parts of a block side by side, then its whole, then the head
// of the exit behind it, on the same device (behind a block that vanished: on the device that has what it would have
// read). Between two blocks the tensor is whole on one device: that of the first one's whole. What reads it there, or
// moves it on, waits for the head.
struct TaskGraph {
    std::vector<Task> tasks;  // of an admitted request: not empty; each behind those that it needs
    std::vector<Feed> feeds;  // by `to`, then `from`; each task has one at least
    std::vector<Move> moves;  // by `from` (the image first), then `receiver`

    // One after the other, heads included.
    bool is_chain() const { return feeds.size() == tasks.size(); }
    // The feeds of a task.
    std::span<Feed const> feeds_of(TaskId task) const;
    // The tasks from the block's first part, or the block itself, to its whole.
    std::size_t first_of_block(std::size_t task) const;
};

// What an admitted request makes devices do, if it leaves at no exit. Where a plan names for one block the same device
// for several parts, these are tasks of their own, and their input moves there once (hull()).
TaskGraph task_graph(Instance const& instance, RequestPlan const& plan);
// What remains of it when the request leaves at this head.
void leave_at(TaskGraph& graph, TaskId head);
// Latency without queueing (Eq. 7-11) of a request that leaves at no exit: the longest way through the graph. Of a
// chain: compute times in order, then the moves' in order, added up.
Seconds critical_path(Instance const& instance, TaskGraph const& graph);
// Share of requests that get to a task, of the shares that get to each block (DropOption::reach; empty: all get
// everywhere): that of its block; of an exit's head, that of the block before the exit.
double share_of(Instance const& instance, Task const& task, std::span<double const> reach);
// Mean latency without queueing of requests of which so many get to each block. With w_t the share that gets to task t,
//     sum of w_t (end_t - end of the one before)
// over the tasks that all later ones wait for: blocks' wholes, and heads. Of a chain that is
//     sum over tasks of w_t compute_t + sum over moves of w_(task that the move leads to) hop,
// added up in this order; where all get everywhere, it is the critical path.
Seconds expected_latency(Instance const& instance, TaskGraph const& graph, std::span<double const> reach);

}  // namespace skipstone
