#include "planner/choice.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

#include "model/chain_walk.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

bool same_work(Instance const& instance, Choice const& a, Choice const& b) {
    return std::ranges::equal(a.steps, b.steps, [&](Step const& s, Step const& t) {
        if (s.work == t.work) return true;
        return s.macs == t.macs && s.memory == t.memory && s.weights == Bytes(0) && t.weights == Bytes(0) &&
               s.heads.empty() && t.heads.empty() && s.reach == t.reach && s.reserved == t.reserved &&
               s.output.serialised == t.output.serialised && s.output.shared == t.output.shared &&
               std::ranges::all_of(std::views::iota(std::size_t{0}, instance.devices.size()), [&](std::size_t i) {
                   return compute_time(instance, s.block, s.mode, DeviceId(i)) ==
                          compute_time(instance, t.block, t.mode, DeviceId(i));
               });
    });
}

std::size_t plain_work(BlockId block, BlockMode mode) {
    return 2 * block.index() + (mode == BlockMode::skip ? 1 : 0);
}

Macs macs_of(InstanceBlock const& block, BlockMode mode) {
    return mode == BlockMode::skip ? block.skip_macs : block.macs;
}

Bytes memory_of(InstanceBlock const& block, BlockMode mode) {
    return mode == BlockMode::skip ? block.skip_memory : block.memory;
}

bool alike(Step const& a, Step const& b) {
    return a.block == b.block && a.mode == b.mode && a.reach == b.reach && a.heads == b.heads;
}

Step plain_step(Instance const& instance, BlockId block, BlockMode mode) {
    auto const& what = instance.blocks[block.index()];
    return {.block = block,
            .mode = mode,
            .work = plain_work(block, mode),
            .macs = macs_of(what, mode),
            .memory = memory_of(what, mode),
            .weights = instance.memory == MemoryModel::resident ? what.weights : Bytes(0),
            .output = hop_bytes(instance, block)};
}

}  // namespace

std::vector<Choice> choices_of(Instance const& instance) {
    std::vector<Choice> choices;
    std::vector<Step> works;  // with exits: those that there are
    for (std::size_t o = 0; o < instance.accuracy.size(); ++o) {
        auto const& option = instance.accuracy[o];
        if (!(option.accuracy >= instance.accuracy_threshold)) continue;
        Choice choice;
        choice.option = o;
        choice.accuracy = option.accuracy;
        walk_chain(instance, option.dropped, [&](ChainStep const& what) {
            auto step = plain_step(instance, what.block, what.mode);
            if (!instance.exits.empty()) {
                auto const share = [&](BlockId block) { return option.reach.empty() ? 1 : option.reach[block.index()]; };
                auto const reserved = [&](Macs macs, double reach) {
                    return instance.reserve_expected ? expected(macs, reach) : macs;
                };
                step.reach = share(what.block);
                step.reserved = instance.reserve_expected ? step.reach : 1;
                step.macs = reserved(step.macs, step.reach);
                for (std::size_t e = what.first_exit; e < what.end_exit; ++e) {
                    InstanceExit const& exit = instance.exits[e];
                    step.heads.push_back({e, share(exit.after)});
                    step.macs += reserved(exit.macs, step.heads.back().reach);
                    step.memory += exit.memory;
                }
                auto const known = std::ranges::find_if(works, [&](Step const& work) { return alike(work, step); });
                step.work = static_cast<std::size_t>(known - works.begin());
                if (known == works.end()) works.push_back(step);
            }
            choice.macs += step.macs;
            choice.memory += step.memory;
            choice.steps.push_back(std::move(step));
        });
        if (!choice.steps.empty()) choices.push_back(std::move(choice));
    }
    return choices;
}

std::vector<Step> works_of(Instance const& instance, std::vector<Choice> const& choices) {
    std::vector<Step> works;
    if (instance.exits.empty()) {
        for (std::size_t j = 0; j < instance.blocks.size(); ++j)
            for (auto const mode : {BlockMode::full, BlockMode::skip})
                works.push_back(plain_step(instance, BlockId(j), mode));
        return works;
    }
    for (Choice const& choice : choices)
        for (Step const& step : choice.steps) {
            if (step.work >= works.size()) works.resize(step.work + 1);
            works[step.work] = step;
        }
    return works;
}

Seconds expected_time(Instance const& instance, Step const& step, DeviceId device) {
    Seconds time = compute_time(instance, step.block, step.mode, device);
    if (step.reach != 1) time = expected(time, step.reach);
    for (StepHead const& head : step.heads)
        time += expected(head_time(instance, instance.exits[head.exit], device), head.reach);
    return time;
}

Seconds reserved_time(Instance const& instance, Step const& step, DeviceId device) {
    if (instance.reserve_expected) return expected_time(instance, step, device);
    Seconds time = compute_time(instance, step.block, step.mode, device);
    for (StepHead const& head : step.heads) time += head_time(instance, instance.exits[head.exit], device);
    return time;
}

Bytes largest_task(Instance const& instance, Step const& step) {
    Bytes largest = memory_of(instance.blocks[step.block.index()], step.mode);
    for (StepHead const& head : step.heads) largest = std::max(largest, instance.exits[head.exit].memory);
    return largest;
}

bool is_held(Instance const& instance, DeviceId device, std::size_t holding) {
    auto const blocks = instance.blocks.size();
    auto const what = holding < blocks ? BlockId(holding) : instance.exits[holding - blocks].head;
    return instance.devices[device.index()].holds.contains(what);
}

Bytes weights_needed(Instance const& instance, DeviceId device, std::size_t holding) {
    auto const blocks = instance.blocks.size();
    if (holding < blocks) return instance.weights_needed(device, BlockId(holding));
    InstanceExit const& exit = instance.exits[holding - blocks];
    return instance.weights_needed(device, exit.head, exit.weights);
}

std::vector<std::size_t> stand_ins(Instance const& instance, std::vector<Choice> const& choices) {
    std::vector<std::size_t> result(choices.size());
    for (std::size_t c = 0; c < choices.size(); ++c) {
        result[c] = c;
        for (std::size_t other = 0; other < choices.size(); ++other)
            if (choices[other].accuracy > choices[result[c]].accuracy &&
                same_work(instance, choices[other], choices[c]))
                result[c] = other;
    }
    return result;
}

RequestPlan request_plan(Instance const& instance, Choice const& choice, std::vector<DeviceId> const& devices) {
    SKIPSTONE_EXPECT(devices.size() == choice.steps.size());
    RequestPlan plan;
    plan.admitted = true;
    plan.dropped = instance.accuracy[choice.option].dropped;
    plan.accuracy = choice.accuracy;
    plan.devices.resize(instance.blocks.size());
    for (std::size_t s = 0; s < devices.size(); ++s) plan.devices[choice.steps[s].block.index()] = devices[s];
    return plan;
}

std::vector<Placement> placements_of(Instance const& instance, PlanResult const& result,
                                     std::vector<Choice> const& choices) {
    std::vector<Placement> placements;
    for (auto const& request : result.requests) {
        if (!request.admitted) continue;
        auto const choice = std::ranges::find_if(
            choices, [&](Choice const& c) { return instance.accuracy[c.option].dropped == request.dropped; });
        SKIPSTONE_EXPECT(choice != choices.end());
        Placement placement;
        placement.choice = static_cast<std::size_t>(choice - choices.begin());
        for (auto const& step : choice->steps) placement.devices.push_back(request.devices[step.block.index()]);
        placements.push_back(std::move(placement));
    }
    return placements;
}

PlanResult result_of(Instance const& instance, std::vector<Choice> const& choices,
                     std::vector<Placement> const& placements) {
    PlanResult result;
    for (auto const& placement : placements)
        result.requests.push_back(request_plan(instance, choices[placement.choice], placement.devices));
    result.requests.resize(static_cast<std::size_t>(std::max(instance.requests, 0)));
    return result;
}

}  // namespace skipstone::planner
