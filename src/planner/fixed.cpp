#include "planner/fixed.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "planner/stages.hpp"
#include "planner/stream.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

[[noreturn]] void fail(std::size_t stage, char const* key, std::string const& problem) {
    throw InputError({"", 0, "planner.stages[" + std::to_string(stage) + "]" + key}, problem);
}

std::string quoted(std::string const& name) {
    return '"' + name + '"';
}

void check_devices(Instance const& instance, PlanStage const& stage, std::size_t s) {
    auto const known = [&](DeviceId id) { return id && id.index() < instance.devices.size(); };
    if (stage.devices.empty()) fail(s, ".devices", "names none; a stage needs one device at least");
    for (DeviceId const id : stage.devices)
        if (!known(id))
            fail(s, ".devices",
                 "has device number " + std::to_string(id.value()) + ", but there are " +
                     std::to_string(instance.devices.size()) + ", counted from 0");
    if (!stage.split.is_whole() && !known(stage.join))
        fail(s, ".join", "names no device of the fleet; a stage that is split needs one that joins the parts");
}

void check_split(Instance const& instance, PlanStage const& stage, std::size_t s) {
    if (stage.split.is_whole()) return;
    InstanceBlock const& block = instance.blocks[stage.first.index()];
    if (stage.first != stage.last)
        fail(s, ".split", "splits several blocks (a split is of one block); give each a stage of its own");
    if (!block.find(stage.split)) {
        std::string ways;
        for (auto const& way : block.splits) ways += (ways.empty() ? "" : ", ") + to_string(way.split);
        fail(s, ".split",
             "block " + quoted(block.name) + " cannot be split by " + to_string(stage.split) +
                 (ways.empty() ? "; collaboration.splits allows none of it" : "; it can by " + ways));
    }
    if (stage.devices.size() != static_cast<std::size_t>(stage.split.parts))
        fail(s, ".devices",
             "has " + std::to_string(stage.devices.size()) + " devices for " + std::to_string(stage.split.parts) +
                 " parts; name one for each");
}

// The stages in terms of the instance's blocks, checked.
std::vector<PlanStage> checked(Instance const& instance, std::vector<PlanStage> stages) {
    if (stages.empty())
        throw InputError({"", 0, "planner.stages"},
                         "is missing, and planner \"fixed\" takes the plan from there; see profiles/scenarios");
    // Of a network that is under way only the end is left.
    auto const all = stages.back().last ? stages.back().last.index() + 1 : 0;
    auto const gone = instance.before && all > instance.blocks.size() ? all - instance.blocks.size() : 0;
    auto const shifted = [&](BlockId id) { return BlockId(id.index() < gone ? 0 : id.index() - gone); };
    std::erase_if(stages, [&](PlanStage const& stage) { return stage.last && stage.last.index() < gone; });
    std::size_t next = 0;
    for (std::size_t s = 0; s < stages.size(); ++s) {
        PlanStage& stage = stages[s];
        if (!stage.first || !stage.last || stage.last < stage.first)
            fail(s, ".blocks", quoted(stage.blocks) + " runs backwards, or names no block");
        stage.first = shifted(stage.first);
        stage.last = shifted(stage.last);
        if (stage.last.index() >= instance.blocks.size())
            fail(s, ".blocks",
                 quoted(stage.blocks) + " goes beyond the last block, " + quoted(instance.blocks.back().name));
        if (stage.first.index() != next)
            fail(s, ".blocks",
                 quoted(stage.blocks) + " begins with " + quoted(instance.blocks[stage.first.index()].name) +
                     ", but the next block is " +
                     (next < instance.blocks.size() ? quoted(instance.blocks[next].name) : "none: all are planned") +
                     " (every block once, in order)");
        next = stage.last.index() + 1;
        check_devices(instance, stage, s);
        check_split(instance, stage, s);
    }
    if (next < instance.blocks.size())
        throw InputError({"", 0, "planner.stages"},
                         "ends before block " + quoted(instance.blocks[next].name) + " (every block once, in order)");
    return stages;
}

}  // namespace

PlanResult plan_fixed(Instance const& instance, Options const& options) {
    auto const stages = checked(instance, options.stages);
    std::size_t turns = 1;  // after which a stage's devices have all had theirs
    for (PlanStage const& stage : stages) turns = std::max(turns, stage.devices.size());
    Admission admission(instance);
    PlanResult result;
    result.requests.resize(static_cast<std::size_t>(std::max(instance.requests, 0)));
    std::size_t turn = 0;
    for (RequestPlan& request : result.requests) {
        auto keeps_out = Binding::none;
        for (std::size_t tries = 0; tries < turns && !request.admitted; ++tries, ++turn) {
            auto plan = request_of(instance, stages, turn);
            auto const cause = admission.admit(plan);
            if (cause == Binding::none)
                request = std::move(plan);
            else if (keeps_out == Binding::none)
                keeps_out = cause;
        }
        if (!request.admitted && result.binding == Binding::none) result.binding = keeps_out;
    }
    return result;
}

}  // namespace skipstone::planner
