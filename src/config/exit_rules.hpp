#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "config/table_reader.hpp"
#include "model/exit_rules.hpp"

namespace skipstone::config {

// Which exits of a network are open, and at which confidence requests leave there, as a file: what `skipstone exits
// search` writes, `exits score` reads, and [exits] of a scenario names. TOML:
//
//     format = "skipstone-exit-rules"
//     version = 1
//     network = "resnet56"
//     weights_sha256 = "0a1b…"          of the weights file that has the exits
//     tables = ["choose.h5"]            exit tables that the rules were chosen on; relative paths: to this file's
//     folder
//
//     [[rules]]                         in the order of the chain, each exit once
//     exit = "s3b2"                     the block behind which it is
//     threshold = 0.9                   0 … 1
//
//     [[promised]]                      what the rules give on each of `tables`, in their order
//     dropped = []                      blocks that were dropped there
//     accuracy = 0.937
//     mean_macs = 6.4e7
//     leaving = [0.35, 0.2, 0.45]       share of the samples that leave at each rule's exit, then at the end
//
//     [[mapping]]                       where a scenario was given: what runs where, in the order of the chain
//     device = "sensor-0"
//     blocks = ["stem", "s2b1"]         each with the head behind it, if there is a rule for one
//
// Rules that were written by hand need `rules` alone, which may be an empty list: without `network` and
// `weights_sha256`, or with "", they are for whatever has these exits; without `tables` and `promised` nobody knows how
// many requests leave, and planners count on none. `promised` has an entry of nothing dropped, and no set of blocks
// twice. Inside another file the table has `name`, too: what the rules are called.
inline constexpr std::string_view exit_rules_format = "skipstone-exit-rules";
inline constexpr int exit_rules_version = 1;

// Throws InputError, naming file, line and key, when it is no such file, or contradicts itself: a threshold outside
// 0 … 1, an exit twice, shares that are not one more than the rules or whose sum is not 1 (to 1e-6), …. Whether
// network and weights have these exits is for whoever uses them.
ExitRules load_exit_rules(std::filesystem::path const& path);
// The same as a table in another file.
ExitRules read_exit_rules(TableReader reader, std::string const& name);

// What load_exit_rules() takes; read again it gives the same rules. path: of the table in another file, with a dot at
// its end ("exits.rules."); empty: a file of its own, which the name is not written into.
std::string exit_rules_text(ExitRules const& rules, std::string_view path = "");

}  // namespace skipstone::config
