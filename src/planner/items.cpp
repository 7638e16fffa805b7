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
    heads_ = all_.size();
    for (std::size_t e = 0; e < instance.exits.size(); ++e)
        all_.push_back({instance.exits[e].head, -1, -1, static_cast<std::int32_t>(e)});
}

Bytes Items::weights(std::size_t item, DeviceId device) const {
    Item const& what = all_[item];
    if (what.exit >= 0)
        return instance_.weights_needed(device, what.block,
                                        instance_.exits[static_cast<std::size_t>(what.exit)].weights);
    InstanceBlock const& block = instance_.blocks[what.block.index()];
    Bytes const all =
        what.split < 0
            ? block.weights
            : block.splits[static_cast<std::size_t>(what.split)].parts[static_cast<std::size_t>(what.part)].weights;
    return instance_.weights_needed(device, what.block, all);
}

Bytes Items::memory(std::size_t item) const {
    Item const& what = all_[item];
    if (what.exit >= 0) return instance_.exits[static_cast<std::size_t>(what.exit)].memory;
    InstanceBlock const& block = instance_.blocks[what.block.index()];
    return what.split < 0
               ? block.memory
               : block.splits[static_cast<std::size_t>(what.split)].parts[static_cast<std::size_t>(what.part)].memory;
}

Bytes Items::least_memory(std::size_t item) const {
    Item const& what = all_[item];
    Bytes const all = memory(item);
    if (what.exit >= 0 || what.split >= 0) return all;
    InstanceBlock const& block = instance_.blocks[what.block.index()];
    return block.skip_macs > Macs(0) ? std::min(all, block.skip_memory) : all;
}

std::size_t Items::of(Task const& task) const {
    if (task.is_head()) return head(static_cast<std::size_t>(task.exit));
    if (task.part < 0) return whole(task.block);
    auto const& splits = instance_.blocks[task.block.index()].splits;
    auto const found = std::ranges::find(splits, task.split, &InstanceSplit::split);
    SKIPSTONE_EXPECT(found != splits.end());
    return part(task.block, static_cast<std::size_t>(found - splits.begin()), static_cast<std::size_t>(task.part));
}

Holding Items::held(std::size_t item, DeviceId device) const {
    Item const& what = all_[item];
    auto const split = what.split < 0
                           ? Split()
                           : instance_.blocks[what.block.index()].splits[static_cast<std::size_t>(what.split)].split;
    return {device, what.block, split, what.part};
}

}  // namespace skipstone::planner
