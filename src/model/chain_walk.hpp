#pragma once

#include <cstddef>
#include <span>

#include "model/instance.hpp"
#include "model/network.hpp"

namespace skipstone {

// One block of the chain that a request runs, in full or as its projection, and the heads that run right behind it, on
// the device that has its output whole: its own exit's and those of the blocks behind it that vanished.
struct ChainStep {
    BlockId block;
    BlockMode mode = BlockMode::full;
    std::size_t first_exit = 0, end_exit = 0;  // of Instance::exits
};

// Calls visit(ChainStep) for what is left of the chain when these blocks (ascending) are dropped, in order. Exits
// behind blocks that vanish before the first one that runs are not there.
template <class Visit>
void walk_chain(Instance const& instance, std::span<BlockId const> dropped, Visit&& visit) {
    auto next_dropped = dropped.begin();
    std::size_t exit = 0;
    ChainStep step;
    for (std::size_t j = 0; j < instance.blocks.size(); ++j) {
        BlockId const block(j);
        bool const drop = next_dropped != dropped.end() && *next_dropped == block;
        if (drop) ++next_dropped;
        if (!drop || !instance.blocks[j].vanishes_when_dropped()) {
            if (step.block) visit(step);
            step = {block, drop ? BlockMode::skip : BlockMode::full, exit, exit};
        }
        while (exit < instance.exits.size() && instance.exits[exit].after == block) ++exit;
        step.end_exit = exit;
    }
    if (step.block) visit(step);
}

}  // namespace skipstone
