#include "study/drop_set.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/table_reader.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone::study {

namespace {

std::string text(TensorShape shape) {
    return std::to_string(shape.h) + " x " + std::to_string(shape.w) + " x " + std::to_string(shape.c);
}

// Why a block that is not droppable cannot run in a mode.
std::string reason(Block const& block, BlockMode mode) {
    if (mode == BlockMode::direct) return "it has no skip connection that could be dropped";
    if (block.input == block.output) return "it has no skip connection";
    return "it has no skip connection, and its input (" + text(block.input) +
           ") does not fit in place of its output (" + text(block.output) + ")";
}

void add_once(std::vector<DropSet>& sets, DropSet set) {
    if (std::ranges::find(sets, set) == sets.end()) sets.push_back(std::move(set));
}

DropSet read_row(config::TableReader& row, Network const& network) {
    DropSet set;
    set.mode = row.choice<BlockMode>("mode", {{"skip", BlockMode::skip}, {"direct", BlockMode::direct}})
                   .value_or(BlockMode::skip);
    for (auto const& name : row.required("dropped", row.texts("dropped"), "the blocks that are dropped")) {
        auto const block = network.find(name);
        if (!block) {
            std::vector<std::string> names;
            for (auto const& known : network.blocks())
                if (known.is_droppable()) names.push_back(known.name);
            row.fail("dropped", "there is no block \"" + name + "\" in " + network.name() +
                                    (names.empty() ? ", and none that could be dropped"
                                                   : "; the nearest is \"" + nearest(name, names) + "\""));
        }
        if (!network.block(*block).is_droppable())
            row.fail("dropped", "block \"" + name + "\" cannot be dropped: " + reason(network.block(*block), set.mode));
        set.dropped.push_back(*block);
    }
    std::ranges::sort(set.dropped);
    if (auto const twice = std::ranges::adjacent_find(set.dropped); twice != set.dropped.end())
        row.fail("dropped", "names block \"" + network.block(*twice).name + "\" twice");
    if (set.dropped.empty()) set.mode = BlockMode::skip;
    return set;
}

}  // namespace

BlockMode DropSet::mode_of(BlockId block) const {
    return std::ranges::binary_search(dropped, block) ? mode : BlockMode::full;
}

DropSets single_drops(Network const& network, std::vector<BlockMode> const& modes) {
    DropSets all{{DropSet{}}, {}};
    for (auto const mode : modes)
        for (std::size_t b = 0; b < network.size(); ++b) {
            auto const& block = network.block(BlockId(b));
            if (block.is_droppable())
                all.sets.push_back({{BlockId(b)}, mode});
            else
                all.not_run.push_back({block.name, mode, reason(block, mode)});
        }
    return all;
}

DropSets pair_drops(Network const& network, std::vector<BlockMode> const& modes) {
    auto all = single_drops(network, modes);
    auto const blocks = identity_blocks(network);
    for (std::size_t a = 0; a < blocks.size(); ++a)
        for (std::size_t b = a + 1; b < blocks.size(); ++b)
            all.sets.push_back({{blocks[a], blocks[b]}, BlockMode::skip});
    return all;
}

DropSets read_drops_file(std::string const& path, Network const& network) {
    auto const value = config::read_toml_file(path);
    config::TableReader reader(value, "");
    if (auto const measured = reader.text("network"); measured && *measured != network.name())
        reader.fail("network", "is \"" + *measured + "\"; the network here is " + network.name());
    DropSets all{{DropSet{}}, {}};
    for (auto& row : reader.required("row", reader.tables("row"), "the sets of blocks to drop, [[row]] each"))
        add_once(all.sets, read_row(row, network));
    return all;
}

std::vector<BlockId> identity_blocks(Network const& network) {
    std::vector<BlockId> blocks;
    for (std::size_t b = 0; b < network.size(); ++b)
        if (network.block(BlockId(b)).has_identity_shortcut()) blocks.emplace_back(b);
    return blocks;
}

Bytes memory_gain(DropSet const& set, Network const& network) {
    Bytes gain{};
    for (auto const id : set.dropped) {
        auto const& block = network.block(id);
        gain += set.mode == BlockMode::skip ? block.memory_bytes - block.skip_memory_bytes : block.skip_memory_bytes;
    }
    return gain;
}

Macs computation_gain(DropSet const& set, Network const& network) {
    Macs gain{};
    for (auto const id : set.dropped) {
        auto const& block = network.block(id);
        gain += set.mode == BlockMode::skip ? block.macs - block.skip_macs : block.skip_macs;
    }
    return gain;
}

std::string dropped_text(DropSet const& set, Network const& network) {
    std::string names;
    for (auto const block : set.dropped) names += (names.empty() ? "" : " + ") + network.block(block).name;
    return names.empty() ? "nothing" : names;
}

}  // namespace skipstone::study
