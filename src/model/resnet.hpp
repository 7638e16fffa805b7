#pragma once

#include <string>
#include <vector>

#include "model/graph.hpp"
#include "model/network.hpp"

namespace skipstone {

// The residual network of a profile (He et al. 2015); operators under torchvision's names. Throws InputError when the
// profile makes no network (no stages, input too small, …).
Graph resnet_graph(NetworkProfile const& profile);

// Of its blocks (blocks_of): "stem", "s2b1", …, "head".
std::vector<std::string> resnet_block_names(NetworkProfile const& profile);

}  // namespace skipstone
