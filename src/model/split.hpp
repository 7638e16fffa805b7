#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/network.hpp"
#include "model/tensor.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

// How several devices compute one block of one request at once: each computes a part, and one of them, or another
// device, joins the parts. (Devices that take turns at whole requests share no block.)
struct Split {
    enum class Kind {  // codes of the trace's /plans split
        whole = 0,
        outputs = 1,  // channels or neurons that the block gives; every part reads what these need of the input
        inputs = 2,   // channels that the block reads; parts are float32 sums over them, without bias and activation
        rows = 3,     // rows of what the block gives; every part reads these rows' input, with a halo
        tiles = 4     // likewise rows and columns: a grid, as square as `parts` allows
    } kind = Kind::whole;
    int parts = 1;

    bool is_whole() const { return kind == Kind::whole; }
    auto operator<=>(Split const&) const = default;
};

std::string_view to_string(Split::Kind kind);  // "whole", "outputs", …
std::string to_string(Split const& split);     // "outputs/3"; "whole"
// "outputs/3" with 2 parts or more; nothing: that is no split.
std::optional<Split> split_of(std::string_view text);

// Places along one axis of an image's tensor, half open.
struct Range {
    int begin = 0, end = 0;

    int size() const { return end - begin; }
    bool operator==(Range const&) const = default;
};
// A box of an image's tensor [H,W,C].
struct Region {
    Range h, w, c;

    TensorShape shape() const { return {1, h.size(), w.size(), c.size()}; }
    Bytes bytes(ElementType type) const { return shape().bytes(type); }
    bool operator==(Region const&) const = default;
};
Region whole_region(TensorShape shape);
// The smallest box that covers both.
Region hull(Region const& a, Region const& b);

// One device's share of a split block.
struct Part {
    Region input;   // what it must be given, halo included
    Region output;  // what it gives; Split::Kind::inputs: all of the mixing operator's output, see PartGraph
    // What it computes, reads and needs of the weights (Costs), what is computed twice at borders counted twice.
    Costs costs;

    bool operator==(Part const&) const = default;
};

// The ways in which a block can be split into 2 to most_parts parts, in the order of Split; of a block whose operators
// allow none, none. A split must lessen the largest part's MACs.
std::vector<Split> splits_of(Network const& network, BlockId block, int most_parts);
// Its parts. Throws InputError, naming block, split and operator, where the block cannot be split in this way.
std::vector<Part> parts_of(Network const& network, BlockId block, Split split);
// What joining computes: with Split::Kind::inputs an addition for each element of each part; else nothing.
Macs join_macs(Network const& network, BlockId block, Split split);

}  // namespace skipstone
