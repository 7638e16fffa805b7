#pragma once

#include <optional>
#include <vector>

#include "exits/problem.hpp"
#include "model/instance.hpp"

namespace skipstone::exits {

// One way of laying a network over devices: each has a run of neighbouring blocks, in the order of the targets; a
// target may be passed over. Heads run where the block before them does.
struct Mapping {
    std::vector<DeviceId> devices;  // per block; none where it vanished
    OutcomeCosts latency, energy;   // of one request by where it leaves, by the cost model; seconds and joules, the
                                    // energy of all devices together
    // Of one request that leaves nowhere: per target memory, MACs of a round and energy; and the latency, where a limit
    // is given.
    std::vector<Limit> limits;
};

// All of them whose devices can reach each other, in the order of the first target's number of blocks, the largest
// first. instance.exits: the table's, in its order. Throws InputError where there are more than 3,000, naming
// `--targets`, or when none is left.
std::vector<Mapping> mappings(Instance const& instance, std::vector<BlockId> const& dropped,
                              std::vector<DeviceId> const& targets, std::optional<Seconds> max_latency);

// Of a request that leaves nowhere, with these exits (of the table) open.
Seconds worst_latency(Mapping const& mapping, std::vector<std::size_t> const& open);

}  // namespace skipstone::exits
