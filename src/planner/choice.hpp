#pragma once

#include <cstddef>
#include <vector>

#include "model/cost_model.hpp"
#include "model/instance.hpp"

namespace skipstone::planner {

// One block that a request runs under a choice.
struct Step {
    BlockId block;
    BlockMode mode = BlockMode::full;
    Macs macs{};
    Bytes memory{}, weights{};  // weights: 0 unless they count (MemoryModel::resident)
    HopBytes output;            // what a hop after it moves
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
