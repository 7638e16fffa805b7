#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "exits/head_choice.hpp"
#include "kernels/weights.hpp"
#include "model/network.hpp"

namespace skipstone::exits {

// An exit as it was trained.
struct TrainedExit {
    BlockId after;
    ChosenHead head;
};

// Writes a weights file with exits: everything of `weights`, whose own exits fall away, the root attribute `exits`
// (networks/exits_text.hpp), the heads' tensors, and the provenance as text attributes "exits_…" (names without that).
// Whole or not at all. Throws InputError as kernels::write_weights() does, and where the network refuses the exits.
void write_exits(std::filesystem::path const& path, kernels::WeightsInfo const& weights, Network const& network,
                 std::vector<TrainedExit> const& exits,
                 std::vector<std::pair<std::string, std::string>> const& provenance);

}  // namespace skipstone::exits
