#pragma once

#include <vector>

#include "config/table_reader.hpp"
#include "model/device.hpp"
#include "model/network.hpp"
#include "model/plan_stage.hpp"
#include "model/scenario.hpp"

// A scenario's sections [planner] and [collaboration]. Both throw InputError with the place.
namespace skipstone::config {

Scenario::PlannerSection read_planner_section(TableReader reader, Goal goal, Network const& network,
                                              std::vector<Device> const& fleet);
// stages: of the plan by hand. Where the section does not say which splits are allowed, theirs are, and no others.
Scenario::CollaborationSection read_collaboration_section(TableReader reader, std::vector<PlanStage> const& stages);

}  // namespace skipstone::config
