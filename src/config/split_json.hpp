#pragma once

#include <vector>

#include "config/json_names.hpp"
#include "config/table_reader.hpp"
#include "model/instance.hpp"

// The ways in which a block can be split, as JSON:
//   "splits": [{"split": "outputs/2", "join_macs": 0, "parts": [{"input": [0, 8, 0, 8, 0, 3], "output": [0, 8, 0, 8, 0,
//   16],
//               "macs": …, "memory_bytes": …, "weight_bytes": …, "input_bytes": …, "output_bytes": …}, …]}]
// A region is [h begin, h end, w begin, w end, c begin, c end].
namespace skipstone::config {

// The key `splits` of a block; none when it is missing. Throws InputError with the JSON path.
std::vector<InstanceSplit> read_splits(TableReader& block);
Json splits_json(std::vector<InstanceSplit> const& splits);

// A split's text: "outputs/2". Throws InputError at the value's place.
Split read_split(Value const& value, std::string const& key, std::string const& text);

}  // namespace skipstone::config
