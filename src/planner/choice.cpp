#include "planner/choice.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

#include "units/error.hpp"

namespace skipstone::planner {

namespace {

bool same_work(Instance const& instance, Choice const& a, Choice const& b) {
    return std::ranges::equal(a.steps, b.steps, [&](Step const& s, Step const& t) {
        if (s.block == t.block && s.mode == t.mode) return true;
        return s.macs == t.macs && s.memory == t.memory && s.weights == Bytes(0) && t.weights == Bytes(0) &&
               s.output.serialised == t.output.serialised && s.output.shared == t.output.shared &&
               std::ranges::all_of(std::views::iota(std::size_t{0}, instance.devices.size()), [&](std::size_t i) {
                   return compute_time(instance, s.block, s.mode, DeviceId(i)) ==
                          compute_time(instance, t.block, t.mode, DeviceId(i));
               });
    });
}

}  // namespace

std::vector<Choice> choices_of(Instance const& instance) {
    std::vector<Choice> choices;
    for (std::size_t o = 0; o < instance.accuracy.size(); ++o) {
        auto const& option = instance.accuracy[o];
        if (!(option.accuracy >= instance.accuracy_threshold)) continue;
        Choice choice;
        choice.option = o;
        choice.accuracy = option.accuracy;
        for (std::size_t j = 0; j < instance.blocks.size(); ++j) {
            auto const& block = instance.blocks[j];
            bool const dropped = std::ranges::find(option.dropped, BlockId(j)) != option.dropped.end();
            if (dropped && block.vanishes_when_dropped()) continue;
            choice.steps.push_back({BlockId(j), dropped ? BlockMode::skip : BlockMode::full,
                                    dropped ? block.skip_macs : block.macs, dropped ? block.skip_memory : block.memory,
                                    instance.memory == MemoryModel::resident ? block.weights : Bytes(0),
                                    hop_bytes(instance, BlockId(j))});
            choice.macs += choice.steps.back().macs;
            choice.memory += choice.steps.back().memory;
        }
        if (!choice.steps.empty()) choices.push_back(std::move(choice));
    }
    return choices;
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
