#pragma once

#include <memory>
#include <string>

#include "model/network.hpp"

namespace skipstone::networks {

// The family "graph" of one network that is what it is: a profile has its input and classes, or is refused.
std::shared_ptr<Family const> graph_family(Blueprint blueprint);
// What a family was made from, if it is this one.
Blueprint const* as_graph(Family const& family);
// The profile of a network that is what it is, under a name.
NetworkProfile profile_of(std::string name, Blueprint blueprint);

}  // namespace skipstone::networks
