#pragma once

#include <algorithm>
#include <cstdint>

#include "random_instance.hpp"

namespace skipstone::planner::testing {

// Ways to split a block of an image of 12 × 4 × 8 in 2 or 3 parts of unequal work: by outputs, inputs or rows, as
// random as a planner may meet them.
inline void add_splits(RandomStream& random, InstanceBlock& block, Bytes input) {
    using namespace random_instance_detail;
    Region const whole{{0, 12}, {0, 4}, {0, 8}};
    Bytes const element(std::max<std::int64_t>(1, input.value() / 384));
    for (auto const kind : {Split::Kind::outputs, Split::Kind::inputs, Split::Kind::rows})
        for (int parts = 2; parts <= 3; ++parts) {
            if (!chance(random, 0.3)) continue;
            InstanceSplit split{
                {kind, parts}, {}, kind == Split::Kind::inputs ? Macs(block.macs.value() / 50) : Macs(0)};
            for (int p = 0; p < parts; ++p) {
                InstancePart part;
                part.input = part.output = whole;
                if (kind == Split::Kind::rows)
                    part.input.h = {std::max(0, 12 * p / parts - 1), std::min(12, 12 * (p + 1) / parts + 1)};
                if (kind == Split::Kind::inputs) part.input.c = {8 * p / parts, 8 * (p + 1) / parts};
                auto const share = [&](std::int64_t all) {
                    return static_cast<std::int64_t>(static_cast<double>(all) / parts * random.uniform(0.8, 1.3));
                };
                part.macs = Macs(share(block.macs.value()));
                part.memory = Bytes(share(block.memory.value()));
                part.weights = kind == Split::Kind::rows ? block.weights : Bytes(share(block.weights.value()));
                part.input_bytes = Bytes(element.value() * static_cast<std::int64_t>(part.input.shape().elements()));
                part.output_bytes =
                    Bytes(kind == Split::Kind::inputs ? block.output.value() : share(block.output.value()));
                split.parts.push_back(part);
            }
            block.splits.push_back(std::move(split));
        }
}

// A random instance of a stream: with splits, measured times of parts, capacities that suit a steady state.
inline Instance stream_instance(RandomStream& random, InstanceSize size = {}) {
    using namespace random_instance_detail;
    auto instance = random_instance(random, size);
    instance.goal = Goal::throughput;
    if (instance.accuracy_threshold > 0.95) instance.accuracy_threshold = 0.8;
    Bytes input = instance.input;
    for (InstanceBlock& block : instance.blocks) {
        add_splits(random, block, input);
        input = block.output;
    }
    Bytes weights{}, largest{};
    for (InstanceBlock const& block : instance.blocks) {
        weights += block.weights;
        largest = std::max(largest, block.memory);
    }
    for (InstanceDevice& device : instance.devices) {
        device.memory =
            largest * 2 +
            Bytes(static_cast<std::int64_t>(static_cast<double>(weights.value()) * random.uniform(0.3, 1.2)));
        device.energy = chance(random, 0.3) ? Joules(random.uniform(5, 200)) : Joules(1e9);
        for (std::size_t j = 0; j < instance.blocks.size(); ++j)
            for (auto const& split : instance.blocks[j].splits)
                if (chance(random, 0.1))
                    device.part_compute[{BlockId(j), split.split}] = Seconds(random.uniform(0.005, 0.05));
    }
    return instance;
}

}  // namespace skipstone::planner::testing
