#pragma once

#include <string>

#include "config/table_reader.hpp"
#include "model/network.hpp"

namespace skipstone::config {

// A network's profile as a table: of a file of its own, or inside a scenario. Which keys there are follows from the
// key `family`, "resnet" unless it is given. Unknown keys are refused; throws InputError with the place.
NetworkProfile read_network_profile(TableReader reader);

// The lines "key = value" of such a table in TOML.
std::string network_lines(NetworkProfile const& profile);

// How blocks are joined: "finest", "stages", or lists of names, each of blocks that are one; "finest" when missing.
// Throws InputError with the place.
BlockRule read_block_rule(TableReader& reader, std::string_view key);
// The same in TOML.
std::string block_rule_text(BlockRule const& rule);

}  // namespace skipstone::config
