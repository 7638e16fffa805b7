#pragma once

#include "model/instance.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"

// Aborts when a value that a parser accepted holds a quantity that is no number, infinite, negative or out of its
// range.
namespace skipstone::fuzz {

void check(Network const& network);
void check(Device const& device);
void check(LinkModel const& links);
void check(FaultModel const& faults);
void check(AccuracyTable const& table);
void check(Scenario const& scenario);
void check(Instance const& instance);

}  // namespace skipstone::fuzz
