#include "model/instance_splits.hpp"

#include <algorithm>

namespace skipstone {

namespace {

// Of what a block is given.
ElementType input_type(Network const& network, BlockId block) {
    return block.index() == 0 ? activation_type(network.precision()) : network.output_type(BlockId(block.index() - 1));
}

}  // namespace

InstanceSplit instance_split(Network const& network, BlockId block, Split split) {
    auto const reads = input_type(network, block);
    auto const gives = split.kind == Split::Kind::inputs ? ElementType::float32 : network.output_type(block);
    InstanceSplit way{.split = split, .parts = {}, .join_macs = join_macs(network, block, split)};
    for (Part const& part : parts_of(network, block, split))
        way.parts.push_back({.input = part.input,
                             .output = part.output,
                             .macs = part.costs.macs,
                             .memory = part.costs.memory,
                             .weights = part.costs.weights,
                             .input_bytes = part.input.bytes(reads),
                             .output_bytes = part.output.bytes(gives)});
    return way;
}

std::vector<std::vector<InstanceSplit>> instance_splits(Network const& network, int most_parts,
                                                        SplitRule const& allows) {
    std::vector<std::vector<InstanceSplit>> ways(network.size());
    for (std::size_t b = 0; b < ways.size(); ++b)
        for (Split const split : splits_of(network, BlockId(b), most_parts))
            if (!allows || allows(split)) ways[b].push_back(instance_split(network, BlockId(b), split));
    return ways;
}

SplitExtent split_extent(InstanceSplit const& way) {
    SplitExtent extent;
    for (InstancePart const& part : way.parts) {
        extent.macs = std::max(extent.macs, part.macs);
        extent.weights = std::max(extent.weights, part.weights);
        extent.input += part.input_bytes;
        extent.output += part.output_bytes;
    }
    return extent;
}

}  // namespace skipstone
