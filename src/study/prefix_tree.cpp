#include "study/prefix_tree.hpp"

#include <algorithm>

namespace skipstone::study {

namespace {

Macs cost(Block const& block, BlockMode mode) {
    if (mode == BlockMode::skip) return block.skip_macs;
    return mode == BlockMode::direct ? block.macs - block.skip_macs : block.macs;
}

}  // namespace

PrefixTree::PrefixTree(Network const& network, std::vector<DropSet> const& sets, Sharing sharing) : sets_(sets.size()) {
    for (std::size_t s = 0; s < sets.size(); ++s) {
        if (roots_.empty() || sharing == Sharing::none) {
            roots_.push_back(nodes_.size());
            nodes_.emplace_back();
        }
        auto at = roots_.back();
        for (std::size_t b = 0; b < network.size(); ++b)
            at = child(at, sets[s].mode_of(BlockId(b)), network.block(BlockId(b)));
        nodes_[at].sets.push_back(s);
    }
    // The full branch of a node, the longest, comes last: it takes the node's activations over.
    for (auto& node : nodes_) std::ranges::sort(node.children, std::ranges::greater{});
}

std::size_t PrefixTree::child(std::size_t node, BlockMode mode, Block const& block) {
    for (auto const& [known, next] : nodes_[node].children)
        if (known == mode) return next;
    nodes_[node].children.emplace_back(mode, nodes_.size());
    nodes_.emplace_back();
    macs_ += cost(block, mode);
    return nodes_.size() - 1;
}

}  // namespace skipstone::study
