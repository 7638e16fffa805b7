#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/table_reader.hpp"
#include "model/device.hpp"
#include "model/network.hpp"
#include "model/plan_stage.hpp"

// A plan by hand: planner.stages of a scenario.
namespace skipstone::config {

// The stages under `key`; none when it is missing. A stage is a table:
//   blocks = "conv1_1..pool1"  # a block, or the first to the last of several; an operator stands for its block
//   devices = ["b"]            # devices by name; "pi-*": all that are called pi and a number; "pi-0..3": these
//   take = "turns"             # of several devices: each takes whole requests, one after the other; or
//   split = "outputs"          # each computes a part of the block (Split), and
//   join = "i"                 # this one joins the parts; without it the first of the devices
// Throws InputError with the place for what is not there, and where the stages are not every block of the network once,
// in order.
std::vector<PlanStage> read_plan_stages(TableReader& reader, std::string_view key, Network const& network,
                                        std::vector<Device> const& fleet);

// The lines of the stages, one table each: "[[planner.stages]]" and its keys. Read again, they are the same.
std::string plan_stages_text(std::vector<PlanStage> const& stages, std::vector<Device> const& fleet);

}  // namespace skipstone::config
