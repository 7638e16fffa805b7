#pragma once

#include <string>
#include <vector>

#include "model/network.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone::study {

// One variant of a network: these blocks run in `mode` (skip or direct), all others in full. Nothing dropped: the
// baseline, in mode skip.
struct DropSet {
    std::vector<BlockId> dropped;  // ascending
    BlockMode mode = BlockMode::skip;

    BlockMode mode_of(BlockId block) const;
    bool operator==(DropSet const&) const = default;
};

// A block that cannot run in a mode, and why.
struct NotRun {
    std::string block;
    BlockMode mode = BlockMode::skip;
    std::string reason;
};

struct DropSets {
    std::vector<DropSet> sets;  // each once, the baseline first
    std::vector<NotRun> not_run;
};

// The baseline, then every block alone in each of the modes that it can run in.
DropSets single_drops(Network const& network, std::vector<BlockMode> const& modes);

// single_drops, then all pairs of identity blocks in mode skip.
DropSets pair_drops(Network const& network, std::vector<BlockMode> const& modes);

// A drops file: TOML with [[row]] dropped = ["s5b2"], mode = "skip" (default) or "direct"; any accuracy table is one.
// The baseline comes first, whether the file has it or not. Throws InputError with file and line for what is no such
// file, for an unknown block (naming the nearest), and for one that has no shortcut.
DropSets read_drops_file(std::string const& path, Network const& network);

std::vector<BlockId> identity_blocks(Network const& network);

// What the dropped blocks no longer need (Eq. 1, 2): in mode skip all but their projections, in mode direct those.
Bytes memory_gain(DropSet const& set, Network const& network);
Macs computation_gain(DropSet const& set, Network const& network);

// "s4b3 + s5b2"; "nothing" for the baseline.
std::string dropped_text(DropSet const& set, Network const& network);

}  // namespace skipstone::study
