#include "planner/stages.hpp"

#include <algorithm>

namespace skipstone::planner {

RequestPlan request_of(Instance const& instance, std::vector<PlanStage> const& stages, std::size_t turn) {
    RequestPlan plan;
    plan.admitted = true;
    plan.devices.resize(instance.blocks.size());
    for (PlanStage const& stage : stages) {
        bool const split = !stage.split.is_whole();
        DeviceId const device = split ? stage.join : stage.devices[turn % stage.devices.size()];
        for (std::size_t j = stage.first.index(); j <= stage.last.index(); ++j) plan.devices[j] = device;
        if (split) plan.splits.push_back({stage.first, stage.split, stage.devices});
    }
    return plan;
}

}  // namespace skipstone::planner
