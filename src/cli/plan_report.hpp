#pragma once

#include <string>
#include <vector>

#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"

namespace skipstone::cli {

// What planners answered, as tables: with Goal::throughput images per second against the bound, then each plan's stages
// with their devices, and what one more of a device would give.
std::string plan_report(Instance const& instance, std::vector<PlanResult> const& results, Medium medium);

}  // namespace skipstone::cli
