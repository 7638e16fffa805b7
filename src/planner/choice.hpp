#pragma once

#include <cstddef>
#include <vector>

#include "model/cost_model.hpp"
#include "model/instance.hpp"

namespace skipstone::planner {

// The head of an exit (Instance::exits), and the share of the requests that get to it.
struct StepHead {
    std::size_t exit = 0;
    double reach = 1;

    bool operator==(StepHead const&) const = default;
};

// One block that a request runs under a choice, and the heads that run behind it on the same device.
struct Step {
    BlockId block;
    BlockMode mode = BlockMode::full;
    std::size_t work = 0;  // see works_of()
    Macs macs{};           // of both, as they count for Eq. 14
    Bytes memory{};        // of both
    Bytes weights{};       // of the block; 0 unless weights count (MemoryModel::resident)
    HopBytes output;       // what a hop after it moves
    double reach = 1;      // share of the requests that get here: of them all, what the block and the hop to it take
    double reserved = 1;   // … and what of their energy counts for Eq. 17
    std::vector<StepHead> heads{};
};

// A drop set that a request may take, and what is left to run.
struct Choice {
    std::size_t option = 0;  // index into Instance::accuracy
    double accuracy = 0;
    std::vector<Step> steps;  // not empty
    Macs macs{};              // of all steps
    Bytes memory{};
};

// The drop sets whose accuracy reaches the threshold (Eq. 16) and that leave something to run, in the order of the
// table.
std::vector<Choice> choices_of(Instance const& instance);

// What devices may be asked to do, by Step::work: every step of the choices is like one of these, but for what a hop
// after it moves. Without exits there are two for each block: 2 · block in full, 2 · block + 1 as its projection.
std::vector<Step> works_of(Instance const& instance, std::vector<Choice> const& choices);

// What one request takes there on average: of the requests of the choice, those that leave before taken into account.
Seconds expected_time(Instance const& instance, Step const& step, DeviceId device);
// What counts for Eq. 17: as expected, or of a request that leaves nowhere.
Seconds reserved_time(Instance const& instance, Step const& step, DeviceId device);

// Memory that the largest of its tasks needs: what a device needs that does one at a time (Goal::throughput).
Bytes largest_task(Instance const& instance, Step const& step);

// Things whose weights a device may hold: blocks, then heads, by exit.
inline std::size_t holdings_of(Instance const& instance) {
    return instance.blocks.size() + instance.exits.size();
}
// Calls visit(holding, weights) for what a step needs; weights as if it were not there yet, 0 where they do not count.
template <class Visit>
void for_each_holding(Instance const& instance, Step const& step, Visit&& visit) {
    visit(step.block.index(), step.weights);
    for (StepHead const& head : step.heads)
        visit(instance.blocks.size() + head.exit,
              instance.memory == MemoryModel::resident ? instance.exits[head.exit].weights : Bytes(0));
}
// Whether they are there from before.
bool is_held(Instance const& instance, DeviceId device, std::size_t holding);
// By what a holding's weights add to the memory that a device needs.
Bytes weights_needed(Instance const& instance, DeviceId device, std::size_t holding);

// For every choice the one that can take its place in any plan: it runs the same work step by step and is at least as
// accurate; often itself. Where weights count no other one, since they belong to blocks.
std::vector<std::size_t> stand_ins(Instance const& instance, std::vector<Choice> const& choices);

// One admitted request: choice.steps[s] runs on devices[s].
struct Placement {
    std::size_t choice = 0;
    std::vector<DeviceId> devices;
};

RequestPlan request_plan(Instance const& instance, Choice const& choice, std::vector<DeviceId> const& devices);

// The admitted requests of a result, in terms of these choices, which must hold their drop sets.
std::vector<Placement> placements_of(Instance const& instance, PlanResult const& result,
                                     std::vector<Choice> const& choices);
// A result's requests: the placements, then rejected ones.
PlanResult result_of(Instance const& instance, std::vector<Choice> const& choices,
                     std::vector<Placement> const& placements);

}  // namespace skipstone::planner
