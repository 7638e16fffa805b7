#pragma once

#include <optional>
#include <vector>

#include "model/calibration.hpp"
#include "model/network.hpp"
#include "model/part_graph.hpp"

namespace skipstone::kernels {

// What a block is given: the image is float32; a head gets what the block hands on behind which it is.
ElementType input_type(Network const& network, BlockId block);

// Operators that are lowered, packed and compiled as one, between one tensor in and one out: a block, a part of a split
// block, or what is behind the sums of a block's parts. A part has a graph of its own; how its tensors lie in memory,
// and what its operators compute in, is what the network says of those that they are parts of.
class Piece {
  public:
    // The network must outlive what is made of it.
    static Piece block(Network const& network, BlockId block);
    // sums: its output is float32, whatever the operator that gives it computes in (Split::Kind::inputs).
    static Piece part(Network const& network, BlockId block, PartGraph const& part, bool sums);
    // Reads float32.
    static Piece rest(Network const& network, BlockId block, JoinGraph const& join);

    Network const& network() const { return *network_; }
    // What it computes in, but for what is always exact: the network's precision, of heads float32.
    Precision precision() const { return precision_; }
    Graph const& graph() const { return graph_; }
    std::vector<OperatorId> const& operators() const { return operators_; }  // in the graph's order
    bool has(OperatorId id) const;
    TensorId reads() const { return reads_; }
    TensorId gives() const { return gives_; }
    std::optional<Shortcut> const& shortcut() const { return shortcut_; }  // of a whole block
    ElementType input_type() const { return input_type_; }
    ElementType output_type() const { return output_type_; }

    bool is_whole() const { return wholes_.empty() && tensors_.empty(); }
    // The graph that it is a piece of: the network's, or the head's own.
    Graph const& whole_graph() const { return is_whole() ? graph_ : network_->graph(); }
    TensorId whole(TensorId tensor) const { return is_whole() ? tensor : tensors_.at(tensor.index()).whole; }
    OperatorId whole(OperatorId op) const { return is_whole() ? op : wholes_.at(op.index()).whole; }
    // int8: the network's tensor, in whose range (Ranges::of) the piece reads.
    TensorId reads_range_of() const { return range_of_; }
    // What a part's operator reads of its weights; of a whole block's: all.
    std::optional<PartOperator> share(OperatorId op) const;

    bool is_exact(TensorId tensor) const;
    Precision precision_of(OperatorId op) const;
    ElementType eight_bits(TensorId tensor) const { return skipstone::eight_bits(whole_graph(), whole(tensor)); }

  private:
    explicit Piece(Network const& network, Graph graph)
        : network_(&network), graph_(std::move(graph)), precision_(network.precision()) {}
    static Piece of_graph(Network const& network, BlockId block, PartGraph const& part);

    Network const* network_;
    Graph graph_;
    std::vector<OperatorId> operators_;
    Precision precision_ = Precision::float32;
    TensorId reads_, gives_, range_of_;
    std::optional<Shortcut> shortcut_;
    ElementType input_type_ = ElementType::float32, output_type_ = ElementType::float32;
    std::vector<PartOperator> wholes_;  // by operator of the graph; empty: it is the network's
    std::vector<PartTensor> tensors_;   // by tensor, likewise
    bool gives_sums_ = false;
};

}  // namespace skipstone::kernels
