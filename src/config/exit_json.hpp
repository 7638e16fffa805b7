#pragma once

#include <vector>

#include "config/json_names.hpp"
#include "config/table_reader.hpp"
#include "model/instance.hpp"

// Exits that are open, as JSON:
//   "exits": [{"after": "s3b2", "name": "exit.s3b2", "threshold": 0.9, "macs": …, "memory_bytes": …, "weight_bytes":
//   …},
//             …], by `after`; "reserve": "expected"
// and, in an entry of "accuracy", the share of requests that get to each block, "reach": [1, 1, 0.6, …].
namespace skipstone::config {

// The key `exits` of an instance with so many blocks; none when it is missing. Throws InputError with the JSON path.
std::vector<InstanceExit> read_exits(TableReader& instance, Names const& blocks, std::size_t count);
Json exits_json(Instance const& instance);

// The key `reach` of an entry of `accuracy`; empty when it is missing. Throws InputError.
std::vector<double> read_reach(TableReader& option, std::vector<InstanceExit> const& exits, std::size_t blocks);

// Measured times of heads, a table by their names. Throws InputError.
std::map<BlockId, Seconds> read_head_times(TableReader times, std::vector<InstanceExit> const& exits);

}  // namespace skipstone::config
