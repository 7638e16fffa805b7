#pragma once

#include <optional>
#include <vector>

#include "model/graph.hpp"
#include "model/operator.hpp"
#include "model/split.hpp"

namespace skipstone {

// How an operator makes a box of its output, and what it reads for that.
struct PartNeed {
    // Of its inputs, in their order: the box that it reads; none: this box of its output needs nothing of that input.
    std::vector<std::optional<Region>> inputs;
    Operation operation;  // what makes it of these boxes; an op::Concat has only the inputs that are needed
    // What that gives: the box, or more where the operator can only make more.
    Region gives;
    // Of the operator's weights: places along the first axis of W.weight (and of all that has one number per channel),
    // and along its second one: a convolution's channels within their group, a fully connected operator's channels.
    Range weights_out, weights_in;
};

// wanted: a box of what the operator gives, not empty. Boxes lie within their tensors: what a window sees beyond one
// is padding of `operation`, at that side alone.
PartNeed need_of(Graph const& graph, Operator const& op, Region const& wanted);

// A share of a fully connected operator or of a convolution with one group: of some channels of its input, without
// bias; its sums over all channels' shares are what the whole one gives before its bias.
PartNeed need_of_share(Graph const& graph, Operator const& op, Range channels);

}  // namespace skipstone
