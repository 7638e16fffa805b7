#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "model/network.hpp"
#include "study/drop_set.hpp"
#include "units/quantity.hpp"

namespace skipstone::study {

enum class Sharing {
    prefixes,  // what drop sets have in common up to a block is computed once
    none       // every drop set runs on its own
};

// Drop sets of a network as a forest over its blocks: a node at depth j stands for the modes of the blocks before j.
class PrefixTree {
  public:
    struct Node {
        std::vector<std::pair<BlockMode, std::size_t>> children;  // block j's mode, node at depth j + 1; full last
        std::vector<std::size_t> sets;                            // of a leaf: which drop sets it stands for
    };

    PrefixTree(Network const& network, std::vector<DropSet> const& sets, Sharing sharing);

    std::vector<std::size_t> const& roots() const { return roots_; }
    Node const& node(std::size_t index) const { return nodes_[index]; }
    std::size_t sets() const { return sets_; }
    Macs macs() const { return macs_; }  // that one image costs through all of it

  private:
    std::size_t child(std::size_t node, BlockMode mode, Block const& block);

    std::vector<Node> nodes_;
    std::vector<std::size_t> roots_;
    std::size_t sets_;
    Macs macs_{};
};

}  // namespace skipstone::study
