#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "model/instance.hpp"
#include "units/random.hpp"

namespace skipstone::planner::testing {

// Upper limits of a random instance; lower ones are 1 device, 2 blocks, 1 option, 1 request.
struct InstanceSize {
    int devices = 3, blocks = 4, options = 4, requests = 2;
};

namespace random_instance_detail {

inline int between(RandomStream& random, int low, int high) {
    return low + static_cast<int>(random.below(high - low + 1));
}

inline bool chance(RandomStream& random, double probability) {
    return random.uniform() < probability;
}

inline std::vector<InstanceBlock> blocks(RandomStream& random, int count) {
    std::vector<InstanceBlock> result;
    for (int j = 0; j < count; ++j) {
        InstanceBlock block;
        block.name = "b" + std::to_string(j);
        block.macs = Macs(between(random, 10, 100) * 1'000'000L);
        block.memory = Bytes(between(random, 1, 20) * 100'000L);
        block.output = Bytes(between(random, 1, 20) * 50'000L);
        block.weights = Bytes(between(random, 0, 20) * 100'000L);
        if (j > 0 && chance(random, 0.4)) {  // its shortcut is a projection
            block.skip_macs = Macs(block.macs.value() / 10);
            block.skip_memory = Bytes(block.memory.value() / 4);
        }
        result.push_back(block);
    }
    return result;
}

inline std::vector<DropOption> accuracy(RandomStream& random, int blocks, int options) {
    std::vector<DropOption> result{{{}, 0.95}};
    for (int attempt = 0; attempt < 4 * options && static_cast<int>(result.size()) < options; ++attempt) {
        DropOption option;
        for (int j = 1; j < blocks; ++j)
            if (chance(random, 0.4)) option.dropped.push_back(BlockId(std::int32_t{j}));
        if (std::ranges::count(result, option.dropped, &DropOption::dropped) > 0) continue;
        option.accuracy = 0.94 - 0.05 * static_cast<double>(option.dropped.size()) - random.uniform(0, 0.1);
        result.push_back(option);
    }
    return result;
}

inline LinkTable links(RandomStream& random, int devices) {
    auto const n = static_cast<std::size_t>(devices);
    double const missing = chance(random, 0.3) ? random.uniform(0, 0.6) : 0;
    std::vector<double> rates(n * n, 0), latencies;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < n; ++k)
            if (i != k && !chance(random, missing)) rates[i * n + k] = random.uniform(7.2e6, 72.2e6);
    if (chance(random, 0.5))
        latencies = {chance(random, 0.5) ? 0.0 : random.uniform(0, 0.02)};
    else
        for (std::size_t i = 0; i < n * n; ++i) latencies.push_back(random.uniform(0, 0.02));
    return LinkTable::dense(n, rates, latencies);
}

}  // namespace random_instance_detail

// A small instance in which everything occurs: both residual and memory models, projections, a source, missing links,
// measured times, receive power, useless devices, thresholds that rule options out, and capacities from ample to
// hopeless.
inline Instance random_instance(RandomStream& random, InstanceSize size = {}) {
    using namespace random_instance_detail;
    Instance instance;
    double const alphas[] = {0, 0.3, 0.7, 1};
    instance.alpha = alphas[random.below(4)];
    instance.beta = 1 - instance.alpha;
    double const thresholds[] = {0, 0.8, 0.85, 0.97};
    instance.accuracy_threshold = chance(random, 0.05) ? thresholds[3] : thresholds[random.below(3)];
    instance.requests = between(random, 1, size.requests);
    instance.residual = chance(random, 0.5) ? Residual::fused : Residual::paper;
    instance.memory = chance(random, 0.5) ? MemoryModel::paper : MemoryModel::resident;
    instance.input = Bytes(between(random, 1, 10) * 50'000L);
    int const devices = between(random, 1, size.devices), blocks = between(random, 2, size.blocks);
    if (chance(random, 0.3)) instance.source = DeviceId(static_cast<std::int32_t>(random.below(devices)));
    instance.blocks = random_instance_detail::blocks(random, blocks);
    instance.accuracy = random_instance_detail::accuracy(random, blocks, between(random, 1, size.options));
    instance.links = random_instance_detail::links(random, devices);

    double total_macs = 0, total_memory = 0, total_energy = 0;
    for (auto const& block : instance.blocks) {
        total_macs += static_cast<double>(block.macs.value());
        total_memory += static_cast<double>(block.memory.value());
        if (instance.memory == MemoryModel::resident) total_memory += static_cast<double>(block.weights.value());
    }
    instance.reference_latency = Seconds(total_macs / 1e9);
    total_energy = 10 * total_macs / 1e9;
    double const share = instance.requests / static_cast<double>(devices);
    double const ample = random.uniform(0.6, 3);  // capacity of the whole fleet over demand of all requests
    for (int i = 0; i < devices; ++i) {
        InstanceDevice device;
        device.name = "d" + std::to_string(i);
        device.mac_rate = MacRate(random.uniform(0.5e9, 2e9));
        auto const some = [&](double total) { return total * share * ample * random.uniform(0.3, 1.5); };
        device.memory = Bytes(static_cast<std::int64_t>(some(total_memory)));
        device.macs = Macs(static_cast<std::int64_t>(some(total_macs)));
        device.energy = Joules(some(total_energy) * (chance(random, 0.5) ? 10 : 1.5));
        if (chance(random, 0.05)) device.macs = Macs(0);
        if (chance(random, 0.05)) device.energy = Joules(0);
        device.power_compute = Watts(random.uniform(5, 10));
        device.power_transmit = Watts(random.uniform(0, 12));
        if (chance(random, 0.3)) device.power_receive = Watts(random.uniform(0, 3));
        if (chance(random, 0.2)) {
            device.compute.resize(instance.blocks.size());
            for (auto& time : device.compute)
                if (chance(random, 0.7)) time = Seconds(random.uniform(0.01, 0.1));
        }
        instance.devices.push_back(device);
    }
    return instance;
}

// Gives an instance one exit at least, behind any of its blocks, and either reserve.
inline void add_exits(Instance& instance, RandomStream& random) {
    using namespace random_instance_detail;
    auto const blocks = instance.blocks.size();
    instance.reserve_expected = chance(random, 0.5);
    auto const always = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(blocks)));
    auto const network = static_cast<int>(blocks) + between(random, 0, 2);  // of its chain this may be the rest
    for (std::size_t j = 0; j < blocks; ++j) {
        if (j != always && !chance(random, 0.3)) continue;
        InstanceExit exit;
        exit.after = BlockId(j);
        exit.head = BlockId(std::int32_t{network + static_cast<int>(instance.exits.size())});
        exit.name = "exit." + instance.blocks[j].name;
        exit.threshold = random.uniform();
        exit.macs = Macs(between(random, 1, 20) * 1'000'000L);
        exit.memory = Bytes(between(random, 0, 8) * 100'000L);
        exit.weights = Bytes(between(random, 0, 10) * 100'000L);
        for (auto& device : instance.devices) {
            if (chance(random, 0.2)) device.head_compute[exit.head] = Seconds(random.uniform(0.001, 0.02));
            if (chance(random, 0.1)) device.holds.insert(exit.head);
        }
        instance.exits.push_back(exit);
    }
    for (auto& option : instance.accuracy) {
        double reach = 1;
        for (std::size_t j = 0; j < blocks; ++j) {
            option.reach.push_back(reach);
            if (std::ranges::count(instance.exits, BlockId(j), &InstanceExit::after) > 0)
                reach *= chance(random, 0.1) ? 0 : random.uniform(0.2, 1);
        }
    }
}

}  // namespace skipstone::planner::testing
