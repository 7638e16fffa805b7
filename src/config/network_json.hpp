#pragma once

#include <string>
#include <vector>

#include "model/network.hpp"

// What `skipstone networks --json` prints.
namespace skipstone::config {

enum class Tensors { left_out, listed };

// A network as a JSON object: name, family, input [H,W,C], classes, macs, parameters; blocks, each with name, stage,
// macs, memory_bytes, output_bytes, weight_bytes, droppable, skip_macs, operators ({name, is, output [H,W,C]}) and
// splits into up to most_parts parts ({split, macs and weight_bytes of the largest part, input_bytes and output_bytes
// of all of them, join_macs}); where they are listed: tensors of a weights file ({name, shape}), in the order of the
// operators.
std::string network_text(Network const& network, int most_parts, Tensors tensors);
// Several, each without its blocks and tensors, but with the numbers of blocks and of droppable ones, as a JSON list.
std::string networks_text(std::vector<Network> const& networks);

// Weights and biases, and scales and shifts of batch norms; not the means and variances that these have measured.
std::size_t parameters_of(Network const& network);

}  // namespace skipstone::config
