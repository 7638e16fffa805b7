#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/accuracy_table.hpp"
#include "model/link.hpp"
#include "model/split.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

enum class Residual { fused, paper };        // what a hop after a residual block moves
enum class Goal { latency, throughput };     // Eq. 5; or most requests per second in the steady state
enum class MemoryModel { paper, resident };  // m_j alone, or plus a block's weights once per device

struct InstancePart {
    Region input, output;
    Macs macs{};
    Bytes memory{}, weights{};  // of a part, as of a block
    Bytes input_bytes{};        // of `input`
    Bytes output_bytes{};       // what the part hands on

    bool operator==(InstancePart const&) const = default;
};

// A way in which a block can be split.
struct InstanceSplit {
    Split split;
    std::vector<InstancePart> parts;
    Macs join_macs{};

    bool operator==(InstanceSplit const&) const = default;
};

struct InstanceBlock {
    std::string name;
    Macs macs{};
    Bytes memory{}, output{}, weights{};
    Macs skip_macs{};  // 0: it vanishes when it is dropped
    Bytes skip_memory{};
    std::vector<InstanceSplit> splits{};  // beside running it whole, which every block can

    InstanceSplit const* find(Split split) const;  // null: it cannot be split in this way
    bool vanishes_when_dropped() const { return skip_macs == Macs(0); }
};

// An exit that is open to all requests: its head runs on the device where the output of `after` is whole.
struct InstanceExit {
    BlockId after;
    BlockId head;          // of the network, whose chain may be longer than `blocks`
    std::string name;      // the head's
    double threshold = 1;  // of the rule: confidence that a request leaves with
    Macs macs{};           // the head's
    Bytes memory{}, weights{};

    bool operator==(InstanceExit const&) const = default;
};

enum class OffBecause { energy, outage };  // the battery is empty or kept back whole; the device is down

// A device that is off: it neither computes, nor sends the images that are there. This is what it would offer if it
// were on.
struct Withheld {
    OffBecause because = OffBecause::outage;
    Bytes memory{};
    Macs macs{};
    Joules energy{};
};

struct InstanceDevice {
    std::string name;
    MacRate mac_rate{};
    Bytes memory{};
    Macs macs{};      // c̄_i of this round
    Joules energy{};  // what is left of ē_i, less what idling will cost; infinite: mains supply
    Watts power_compute{}, power_transmit{}, power_receive{};
    std::vector<std::optional<Seconds>> compute;  // measured time per block; empty, or one entry per block
    // Measured time of one part of a block that is split.
    std::map<std::pair<BlockId, Split>, Seconds> part_compute{};
    std::map<BlockId, Seconds> head_compute{};  // of a head (InstanceExit::head)
    std::optional<Withheld> off{};              // set while it is off; then it offers no macs and no energy
    std::set<BlockId> holds{};  // blocks whose weights are there already and not part of `memory`: they need none again

    // A device that is off already stays off for the reason that it had.
    void switch_off(OffBecause because) {
        if (off) return;
        off = Withheld{because, memory, macs, energy};
        if (because == OffBecause::outage) memory = Bytes(0);
        macs = Macs(0);
        energy = Joules(0);
    }
    void switch_on() {
        if (!off) return;
        memory = off->memory;
        macs = off->macs;
        energy = off->energy;
        off.reset();
    }
};

// Links that are down: (smaller id, larger id), in both directions.
struct CutLinks {
    LinkTable whole;  // the links if they were not
    std::set<std::pair<DeviceId, DeviceId>> pairs;
};

// One round's planning problem, complete: planners see nothing else.
struct Instance {
    Goal goal = Goal::latency;
    double alpha = 0.7, beta = 0.3;
    double accuracy_threshold = 0;
    int requests = 0;
    Seconds reference_latency{1};  // T_ref
    Residual residual = Residual::fused;
    MemoryModel memory = MemoryModel::paper;
    std::optional<DeviceId> source;  // where the images are; none: wherever the first block runs
    Bytes input{};                   // size of an image
    std::vector<InstanceBlock> blocks;
    std::vector<InstanceExit> exits{};  // by `after`
    // Planners weigh time and energy by the share of requests that get so far (DropOption::reach). What must fit,
    // memory, MACs per round and energy, is meant for requests that leave nowhere; or, if this is set, MACs and energy
    // likewise for the shares that are expected.
    bool reserve_expected = false;
    std::vector<DropOption> accuracy;  // the empty set first
    bool accuracy_known = true;        // false: `accuracy` has the empty set alone, at no loss, and plans promise none
    std::vector<InstanceDevice> devices;
    LinkTable links;
    std::optional<CutLinks> cut{};  // set where some of the links are down, which `links` are then without
    // Where `blocks` are the rest of a network: the output of the block before them. None: the first one has no
    // shortcut.
    std::optional<Bytes> before{};

    bool source_is_off() const { return source && devices[source->index()].off; }
    // What the weights of a block add to the memory that a device needs when it runs the block (MemoryModel::resident).
    Bytes weights_needed(DeviceId device, BlockId block) const {
        return weights_needed(device, block, blocks[block.index()].weights);
    }
    // Likewise where it runs something of a block that has so many bytes of weights.
    Bytes weights_needed(DeviceId device, BlockId block, Bytes weights) const {
        bool const count = memory == MemoryModel::resident && !devices[device.index()].holds.contains(block);
        return count ? weights : Bytes(0);
    }
    void cut_links(std::set<std::pair<DeviceId, DeviceId>> pairs) {
        if (pairs.empty()) return;
        cut = CutLinks{links, std::move(pairs)};
        links = links.without(cut->pairs);
    }
    void mend_links() {
        if (cut) links = cut->whole;
        cut.reset();
    }
};

}  // namespace skipstone
