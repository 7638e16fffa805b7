#include "kernels/piece.hpp"

#include <algorithm>

namespace skipstone::kernels {

ElementType input_type(Network const& network, BlockId block) {
    if (network.is_head(block)) return network.output_type(network.exit_of(block).after);
    return block.index() == 0 ? ElementType::float32 : network.output_type(BlockId(block.index() - 1));
}

Piece Piece::block(Network const& network, BlockId id) {
    auto const& block = network.block(id);
    Piece piece(network, network.graph_of(id));
    bool const is_head = network.is_head(id);
    if (is_head) piece.precision_ = Precision::float32;
    piece.operators_ = block.operators;
    piece.reads_ = block.reads;
    piece.range_of_ = is_head ? network.block(network.exit_of(id).after).gives : block.reads;
    piece.gives_ = block.gives;
    piece.shortcut_ = block.shortcut;
    piece.input_type_ = skipstone::kernels::input_type(network, id);
    piece.output_type_ = network.output_type(id);
    return piece;
}

Piece Piece::of_graph(Network const& network, BlockId block, PartGraph const& part) {
    Piece piece(network, part.graph);
    for (std::size_t o = 0; o < part.operators.size(); ++o) piece.operators_.emplace_back(o);
    piece.reads_ = part.graph.input();
    piece.gives_ = part.graph.output();
    piece.wholes_ = part.operators;
    piece.tensors_ = part.tensors;
    piece.range_of_ = piece.whole(piece.reads_);
    piece.output_type_ = network.output_type(block);
    return piece;
}

Piece Piece::part(Network const& network, BlockId block, PartGraph const& part, bool sums) {
    auto piece = of_graph(network, block, part);
    piece.input_type_ = skipstone::kernels::input_type(network, block);
    piece.gives_sums_ = sums;
    if (sums) piece.output_type_ = ElementType::float32;
    return piece;
}

Piece Piece::rest(Network const& network, BlockId block, JoinGraph const& join) {
    return of_graph(network, block, join.rest);
}

bool Piece::has(OperatorId id) const {
    return std::ranges::binary_search(operators_, id);
}

std::optional<PartOperator> Piece::share(OperatorId op) const {
    if (is_whole()) return std::nullopt;
    return wholes_.at(op.index());
}

bool Piece::is_exact(TensorId tensor) const {
    return (gives_sums_ && tensor == gives_) || precision_ == Precision::float32 ||
           whole_graph().at(whole(tensor)).is_exact;
}

Precision Piece::precision_of(OperatorId op) const {
    auto const& all = whole_graph();
    return all.precision_of(all.at(whole(op)), precision_);
}

}  // namespace skipstone::kernels
