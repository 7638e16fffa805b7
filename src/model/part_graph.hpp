#pragma once

#include <span>
#include <vector>

#include "model/graph.hpp"
#include "model/network.hpp"
#include "model/split.hpp"

namespace skipstone {

// An operator of a part, and the one of the network's graph that it is a part of.
struct PartOperator {
    OperatorId whole;  // none: it cuts a smaller box out of a tensor, of which others read more
    // What it reads of its weights: places along the first axis of W.weight (and of all that has one number per
    // channel), and along its second one: a convolution's channels within their group; of a fully connected operator,
    // whose columns are in the order C, H, W: channels, that is columns [begin H W, end H W).
    Range outputs, inputs;

    bool operator==(PartOperator const&) const = default;
};

// A tensor of a part: a box of one of the network's graph. (The sums of Split::Kind::inputs: all of the mixing
// operator's output.)
struct PartTensor {
    TensorId whole;
    Region box;

    bool operator==(PartTensor const&) const = default;
};

// What one device computes of a split block. Operators bear the names of the whole ones; Operator::weights, too, but
// for those that read a part of their weights: these have the part behind it, in brackets, and are alike in two graphs
// only where the parts are.
struct PartGraph {
    Graph graph;
    std::vector<PartOperator> operators;  // by OperatorId of graph
    std::vector<PartTensor> tensors;      // by TensorId of graph

    Region input() const { return tensors.at(graph.input().index()).box; }
    Region output() const { return tensors.at(graph.output().index()).box; }
};

// One per part of the split. Throws InputError as parts_of does.
std::vector<PartGraph> part_graphs(Network const& network, BlockId block, Split split);

// Of all its operators.
Costs costs_of(PartGraph const& part, Precision precision);

// What joins the parts of Split::Kind::inputs: their sums are added up, then this operator's bias if it has one; `rest`
// reads that and gives the block's output. Where nothing is behind the operator, rest has no operators.
struct JoinGraph {
    OperatorId mixing;  // of the network's graph
    PartGraph rest;
};
// Throws InputError as parts_of does.
JoinGraph join_graph(Network const& network, BlockId block, int parts);

// What one device computes of the operators between the tensors `reads` and `gives`, to make a box of `gives`.
PartGraph part_of_box(Graph const& graph, std::span<OperatorId const> operators, TensorId reads, TensorId gives,
                      Region const& box);
// Likewise to make the share of a fully connected operator or a convolution with one group that some channels of its
// input have in its sums, without bias.
PartGraph part_of_share(Graph const& graph, std::span<OperatorId const> operators, TensorId reads, OperatorId mixing,
                        Range channels);

// The places of one axis, divided as evenly as may be: the first parts get one more.
std::vector<Range> divided(int extent, int parts);

}  // namespace skipstone
