#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/network.hpp"
#include "units/proportion.hpp"
#include "units/quantity.hpp"

namespace skipstone {

// One measured or quoted value of g(y).
struct AccuracyRow {
    std::vector<std::string> dropped;  // names of blocks
    BlockMode mode = BlockMode::skip;  // what "dropped" means in this row: skip or direct
    double accuracy = 0;               // 0 … 1
    std::string source;                // where this number comes from; empty: the table's source
    // Of a measured row: right answers, of how many, and what it no longer needs (Eq. 1, 2).
    std::optional<long> correct{}, samples{};
    std::optional<ProportionInterval> confidence{};  // 95 %
    std::optional<Bytes> memory_gain{};
    std::optional<Macs> computation_gain{};
};

// g(y) with provenance: the first row is the network with nothing dropped. A set that is not in
// it is unknown.
struct AccuracyTable {
    std::string name;  // profile name or path
    std::string network;
    std::string dataset;
    long samples = 0;
    std::string source;
    std::vector<AccuracyRow> rows;
    Precision precision = Precision::float32;  // that it was measured in
    bool none = false;                         // there is no table: nothing may be dropped, and no accuracy is promised
    std::string weights_sha256{};              // of the weights that it was measured with; empty: unknown
};

// One choice of y for a request: the blocks that are dropped (in `skip` mode, ascending) and g of that.
struct DropOption {
    std::vector<BlockId> dropped;
    double accuracy = 0;  // with exits: of the requests as they leave
    // Share of such requests that get to each block of the chain; empty: all get everywhere. The head of an exit is
    // reached by those that reach the block before it.
    std::vector<double> reach = {};
    bool operator==(DropOption const&) const = default;
};

// What planning may use of a table: its `skip` rows, first the empty set, each set once; where a set stands twice, the
// lower accuracy. Throws InputError for another network's table, an unknown or undroppable block, or a table without
// the empty set. Where there is no table: the empty set alone, at no loss.
std::vector<DropOption> drop_options(AccuracyTable const& table, Network const& network);

// The most accurate of them; options must not be empty.
DropOption const& most_accurate(std::vector<DropOption> const& options);

}  // namespace skipstone
