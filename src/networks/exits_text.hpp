#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/network.hpp"
#include "units/error.hpp"

// The exits of a network as text, which a weights file has as its root attribute `exits`: JSON without blanks and
// without single quotes.
//
//     [{"after":"s3b2","graph":{"format":"skipstone-graph","version":1,"input":[8,8,64],…}},…]
//
// in the order of the chain; "after" is the block whose output the head reads, "graph" the head as in graph_text.hpp:
// its input is that output with the axes "hwc", it gives logits. The head's weights are datasets of the same file,
// called as the graph says.
namespace skipstone::networks {

inline constexpr std::size_t most_exits = 10'000;

// The text that read_exits() takes; read again it gives the same exits, and the same text. Throws InputError when there
// are more, or a name is not UTF-8.
std::string exits_text(std::span<ExitHead const> exits);

// place: what messages begin with. Throws InputError, naming exit, operator and key, when the text is no such list.
// Whether exits fit a network is for Network to say.
std::vector<ExitHead> read_exits(std::string_view text, InputPlace const& place);

}  // namespace skipstone::networks
