#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "model/task_graph.hpp"

namespace skipstone {

// What a request uses of one device.
struct DeviceLoad {
    Bytes memory{};  // m_j, weights not counted
    Macs macs{};
    Joules energy{};  // Eq. 19, and receiving
};

struct RequestCost {
    Seconds latency{};              // Eq. 7-11 without queueing
    Bytes shared{};                 // bytes that move between devices
    std::vector<DeviceLoad> loads;  // per device
};

// c_j/e_i, or the device's measured time; a dropped block with a projection: its skip_macs/e_i.
Seconds compute_time(Instance const& instance, BlockId block, BlockMode mode, DeviceId device);
// Of a part: the device's measured time for such parts; else its measured time for the block, in proportion to the
// MACs; else the part's MACs by its rate.
Seconds part_time(Instance const& instance, BlockId block, Split split, std::size_t part, DeviceId device);
// Of joining parts: join_macs/e_i.
Seconds join_time(Instance const& instance, BlockId block, Split split, DeviceId device);
// Of an exit's head: the device's measured time for it, else its MACs by the device's rate.
Seconds head_time(Instance const& instance, InstanceExit const& exit, DeviceId device);
// Of what every request would take, if this share of them does. A device that cannot do it at all (infinite) cannot for
// some; MACs are rounded up, task by task.
Seconds expected(Seconds time, double reach);
Macs expected(Macs macs, double reach);
// Bytes that a hop after this block moves: K_a, with Residual::paper K_a and K_in(a), side by side. K_in(a), the input
// of a, is as large as the output of the block before a: when that was dropped and vanished, its shortcut (identity or
// zero-padding) is applied where a runs. The first block has no shortcut: its K_a alone moves. Serialised is
// max(K_a, K_in(a)), shared the sum.
HopBytes hop_bytes(Instance const& instance, BlockId block);
// Serialisation plus latency; infinite where `to` cannot be reached. 0 for from == to.
Seconds hop_time(Instance const& instance, Bytes serialised, DeviceId from, DeviceId to);

// What is known of requests that drop these blocks: the share that gets to each block. Empty: all get everywhere.
std::span<double const> reach_of(Instance const& instance, std::vector<BlockId> const& dropped);
// The worst case: of a request that leaves at no exit.
RequestCost request_cost(Instance const& instance, RequestPlan const& plan);
// The mean over requests of which so many get to each block as the plan's drop option says. Each task, and each move to
// a task, counts for the share w of requests that get to it (share_of):
//     energy  sum over tasks of w P_c compute + sum over moves of w (P_t + P_r) serialisation, each on its device;
//     MACs and bytes likewise, each product rounded up to a whole number;
//     latency as expected_latency(). Memory stays that of the worst case.
RequestCost expected_cost(Instance const& instance, RequestPlan const& plan);
// Of the graph's first `tasks` tasks alone, and the moves to them; latency and shared bytes of all. Weighted by reach,
// unless that is empty.
RequestCost request_cost(Instance const& instance, TaskGraph const& graph, std::size_t tasks,
                         std::span<double const> reach = {});

// alpha * mean(latency)/T_ref + beta * mean(1 - accuracy) over the admitted requests; NaN when there is none. Latency
// is the expected one, and accuracy that of the requests as they leave.
double objective_of(Instance const& instance, std::vector<RequestPlan> const& requests);

// Fills the result's derived figures (objective, means, shared data, energy, each request's latency and accuracy,
// admitted, requested) from its requests' drop sets and devices. Latency, energy and shared data are the expected ones.
// Leaves planner, status, bound, gap, admitted_bound,
// binding and seconds alone.
void evaluate(Instance const& instance, PlanResult& result);

// Eq. 13-17 and the shape of the plan, recomputed from nothing but the instance and the requests' drop sets and
// devices; one sentence for each violation, empty when the plan is valid. Capacities may be passed by 1e-9 relative,
// for rounding. With MemoryModel::resident a device also holds, once, the weights of every block that it runs, in full
// or as its projection, and of every part. With Goal::throughput, where requests come without end, it needs memory for
// one task at a time (the largest m_j) beside them, and Eq. 14 does not bind: the processor's time does. Where exits
// are open, all is meant for requests that leave at none; with Instance::reserve_expected, MACs and energy are the
// expected ones.
std::vector<std::string> violations(Instance const& instance, PlanResult const& result);

}  // namespace skipstone
