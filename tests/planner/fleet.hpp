#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/instance.hpp"

namespace skipstone::planner::testing {

// Equal devices and blocks in round numbers, so that a test can say by hand what a good plan is: blocks of 100 MMAC,
// 1 MB of memory and 1 MB of output; devices of 1 GMAC/s; links of 80 Mbit/s, on which an output takes 0.1 s, as long
// as a block takes to compute. Block 1 may be dropped at 0.90 instead of 0.95.
inline Instance fleet(int devices, int blocks, int requests) {
    Instance instance;
    instance.alpha = 0.5;
    instance.beta = 0.5;
    instance.requests = requests;
    instance.input = Bytes(1'000'000);
    instance.reference_latency = Seconds(1);
    for (int j = 0; j < blocks; ++j) {
        InstanceBlock block;
        block.name = "b" + std::to_string(j);
        block.macs = Macs(100'000'000);
        block.memory = Bytes(1'000'000);
        block.output = Bytes(1'000'000);
        block.weights = Bytes(1'000'000);
        instance.blocks.push_back(block);
    }
    instance.accuracy = {{{}, 0.95}, {{BlockId(1)}, 0.90}};
    for (int i = 0; i < devices; ++i) {
        InstanceDevice device;
        device.name = "d" + std::to_string(i);
        device.mac_rate = MacRate(1e9);
        device.memory = Bytes(1'000'000'000);
        device.macs = Macs(1'000'000'000'000);
        device.energy = Joules(1e6);
        device.power_compute = Watts(10);
        device.power_transmit = Watts(20);
        instance.devices.push_back(device);
    }
    auto const n = static_cast<std::size_t>(devices);
    instance.links = LinkTable::dense(n, std::vector<double>(n * n, 80e6), {0.0});
    return instance;
}

}  // namespace skipstone::planner::testing
