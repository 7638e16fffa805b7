#include <algorithm>

#include "planner/way_pricer.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

Items::Items(Instance const& instance) : instance_(instance) {
    for (std::size_t j = 0; j < instance.blocks.size(); ++j) {
        BlockId const block(j);
        first_.push_back(all_.size());
        all_.push_back({block});
        auto& firsts = splits_.emplace_back();
        auto const& splits = instance.blocks[j].splits;
        for (std::size_t s = 0; s < splits.size(); ++s) {
            firsts.push_back(all_.size());
            for (std::size_t p = 0; p < splits[s].parts.size(); ++p)
                all_.push_back({block, static_cast<std::int32_t>(s), static_cast<std::int16_t>(p)});
        }
    }
}

Bytes Items::weights(std::size_t item, DeviceId device) const {
    Item const& what = all_[item];
    InstanceBlock const& block = instance_.blocks[what.block.index()];
    Bytes const all =
        what.split < 0
            ? block.weights
            : block.splits[static_cast<std::size_t>(what.split)].parts[static_cast<std::size_t>(what.part)].weights;
    return instance_.weights_needed(device, what.block, all);
}

Bytes Items::memory(std::size_t item) const {
    Item const& what = all_[item];
    InstanceBlock const& block = instance_.blocks[what.block.index()];
    return what.split < 0
               ? block.memory
               : block.splits[static_cast<std::size_t>(what.split)].parts[static_cast<std::size_t>(what.part)].memory;
}

std::size_t Items::of(BlockId block, Split split, std::int16_t part) const {
    if (part < 0) return whole(block);
    auto const& splits = instance_.blocks[block.index()].splits;
    auto const found = std::ranges::find(splits, split, &InstanceSplit::split);
    SKIPSTONE_EXPECT(found != splits.end());
    return this->part(block, static_cast<std::size_t>(found - splits.begin()), static_cast<std::size_t>(part));
}

}  // namespace skipstone::planner
