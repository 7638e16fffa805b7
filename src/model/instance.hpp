#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/accuracy_table.hpp"
#include "model/link.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

enum class Residual { fused, paper };        // design.md section 4: what a hop after a residual block moves
enum class MemoryModel { paper, resident };  // m_j alone, or plus a block's weights once per device

struct InstanceBlock {
    std::string name;
    Macs macs{};
    Bytes memory{}, output{}, weights{};
    Macs skip_macs{};  // 0: it vanishes when it is dropped
    Bytes skip_memory{};

    bool vanishes_when_dropped() const { return skip_macs == Macs(0); }
};

struct InstanceDevice {
    std::string name;
    MacRate mac_rate{};
    Bytes memory{};
    Macs macs{};      // c̄_i of this round
    Joules energy{};  // what is left of ē_i, less what idling will cost
    Watts power_compute{}, power_transmit{}, power_receive{};
    std::vector<std::optional<Seconds>> compute;  // measured time per block; empty, or one entry per block
};

// One round's planning problem (design.md section 5), complete: planners see nothing else.
struct Instance {
    double alpha = 0.7, beta = 0.3;
    double accuracy_threshold = 0;
    int requests = 0;
    Seconds reference_latency{1};  // T_ref
    Residual residual = Residual::fused;
    MemoryModel memory = MemoryModel::paper;
    std::optional<DeviceId> source;  // where the images are; none: wherever the first block runs
    Bytes input{};                   // size of an image
    std::vector<InstanceBlock> blocks;
    std::vector<DropOption> accuracy;  // the empty set first
    std::vector<InstanceDevice> devices;
    LinkTable links;
};

}  // namespace skipstone
