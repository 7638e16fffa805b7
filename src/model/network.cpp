#include "model/network.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "model/resnet.hpp"
#include "units/error.hpp"

namespace skipstone {

namespace {

// Operators that a tensor follows from, back to `from` or to what is marked already; in the graph's order.
std::vector<OperatorId> between(Graph const& graph, TensorId from, TensorId to) {
    std::vector<OperatorId> found;
    std::vector<TensorId> open{to};
    while (!open.empty()) {
        auto const tensor = open.back();
        open.pop_back();
        auto const source = graph.source(tensor);
        if (tensor == from || std::ranges::find(found, source) != found.end()) continue;
        found.push_back(source);
        std::ranges::copy(graph.at(source).inputs, std::back_inserter(open));
    }
    std::ranges::sort(found);
    return found;
}

bool is_sum(Operator const& op) {
    return op.as<op::Add>() != nullptr;
}

// The shortcut of a block whose last operators are a sum and, perhaps, a ReLU: that side of the sum which takes fewer
// operators, if it has none in common with the other side.
std::optional<Shortcut> shortcut_of(Graph const& graph, Block const& block) {
    auto const& last = graph.at(block.operators.back());
    auto const sum = last.as<op::Relu>() ? graph.source(last.inputs.front()) : block.operators.back();
    if (!is_sum(graph.at(sum))) return std::nullopt;
    std::vector<Shortcut> sides;
    for (auto const tensor : graph.at(sum).inputs) sides.push_back({between(graph, block.reads, tensor), tensor, sum});
    auto const& shorter = sides[0].operators.size() < sides[1].operators.size() ? sides[0] : sides[1];
    auto const& longer = &shorter == &sides[0] ? sides[1] : sides[0];
    bool const shares = std::ranges::any_of(shorter.operators, [&](OperatorId id) {
        return std::ranges::find(longer.operators, id) != longer.operators.end();
    });
    if (shares || longer.operators.empty()) return std::nullopt;
    return shorter;
}

}  // namespace

std::vector<Block> blocks_of(Graph const& graph, Precision precision) {
    struct Piece {
        TensorId reads, gives;
        std::vector<OperatorId> operators;
        bool is_weighted = false, is_whole = false;  // whole: it ends with a sum and a ReLU
    };
    std::vector<Piece> pieces;
    auto const cuts = graph.cuts();
    for (std::size_t i = 1; i < cuts.size(); ++i) {
        Piece piece{cuts[i - 1], cuts[i], between(graph, cuts[i - 1], cuts[i])};
        for (auto const id : piece.operators) piece.is_weighted = piece.is_weighted || graph.at(id).is_weighted();
        bool const rectifies = piece.operators.size() == 1 && graph.at(piece.operators.back()).as<op::Relu>();
        if (!pieces.empty()) {
            auto& before = pieces.back();
            bool const joins = !before.is_weighted || (!piece.is_weighted && !before.is_whole);
            if (joins) {
                before.is_whole = rectifies && is_sum(graph.at(before.operators.back()));
                before.gives = piece.gives;
                before.is_weighted = before.is_weighted || piece.is_weighted;
                std::ranges::copy(piece.operators, std::back_inserter(before.operators));
                continue;
            }
        }
        pieces.push_back(std::move(piece));
    }
    if (pieces.size() > 1 && !pieces.back().is_weighted) {
        auto const tail = std::move(pieces.back());
        pieces.pop_back();
        pieces.back().gives = tail.gives;
        std::ranges::copy(tail.operators, std::back_inserter(pieces.back().operators));
    }

    std::vector<Block> blocks;
    for (auto& piece : pieces) {
        Block block;
        block.operators = std::move(piece.operators);
        block.reads = piece.reads;
        block.gives = piece.gives;
        block.shortcut = shortcut_of(graph, block);
        block.input = graph.at(block.reads).shape;
        block.output = graph.at(block.gives).shape;
        auto const first =
            std::ranges::find_if(block.operators, [&](OperatorId id) { return graph.at(id).is_weighted(); });
        block.name = graph.at(first == block.operators.end() ? block.operators.front() : *first).name;
        auto const full = graph.costs(block.operators, precision);
        block.macs = full.macs;
        block.memory_bytes = full.memory;
        block.weight_bytes = full.weights;
        if (block.shortcut) {
            auto const skip = graph.costs(block.shortcut->operators, precision);
            block.skip_macs = skip.macs;
            block.skip_memory_bytes = skip.memory;
        }
        auto const& source = graph.at(graph.source(block.gives));
        block.output_bytes = block.output.bytes(activation_type(precision_of(source, precision)));
        blocks.push_back(std::move(block));
    }
    return blocks;
}

namespace {

// So that sums over its blocks cannot overflow.
void require_countable(Network const& network) {
    double macs = 0, bytes = 0;
    for (auto const& block : network.blocks()) {
        macs += static_cast<double>(block.macs.value());
        bytes += static_cast<double>((block.memory_bytes + block.output_bytes + block.weight_bytes).value());
    }
    if (macs > static_cast<double>(largest_amount) || bytes > static_cast<double>(largest_amount))
        throw InputError("network " + network.name() + ": it is too large; its blocks together may have at most " +
                         std::to_string(largest_amount) + " MACs and bytes");
}

}  // namespace

Network::Network(NetworkProfile profile) : profile_(std::move(profile)), graph_(resnet_graph(profile_)) {
    blocks_ = blocks_of(graph_, profile_.precision);
    auto const names = resnet_block_names(profile_);
    SKIPSTONE_EXPECT(names.size() == blocks_.size());
    for (std::size_t b = 0; b < names.size(); ++b) blocks_[b].name = names[b];
    require_countable(*this);
}

std::optional<BlockId> Network::find(std::string_view name) const {
    auto const found = std::ranges::find(blocks_, name, &Block::name);
    if (found == blocks_.end()) return std::nullopt;
    return BlockId(static_cast<std::size_t>(found - blocks_.begin()));
}

std::vector<Network::WeightTensor> Network::weight_tensors() const {
    std::vector<WeightTensor> tensors;
    auto const size = [](int n) { return static_cast<std::size_t>(n); };
    for (auto const& op : graph_.operators()) {
        auto const in = size(graph_.at(op.inputs.front()).shape.c), out = size(graph_.at(op.output).shape.c);
        if (auto const* convolution = op.as<op::Convolution>()) {
            auto const kernel = convolution->window.kernel;
            tensors.push_back({op.name + ".weight", {out, in, size(kernel.h), size(kernel.w)}});
        } else if (op.as<op::FullyConnected>()) {
            tensors.push_back({op.name + ".weight", {out, in}});
            tensors.push_back({op.name + ".bias", {out}});
        } else if (op.as<op::BatchNorm>()) {
            for (auto const* statistic : {".weight", ".bias", ".running_mean", ".running_var"})
                tensors.push_back({op.name + statistic, {out}});
        }
    }
    return tensors;
}

Macs Network::total_macs() const {
    Macs total{};
    for (auto const& block : blocks_) total += block.macs;
    return total;
}

Bytes Network::input_bytes() const {
    return input_shape().bytes(activation_type(precision()));
}

ElementType Network::output_type(BlockId id) const {
    return activation_type(precision_of(graph_.at(graph_.source(block(id).gives)), precision()));
}

std::string_view to_string(BlockMode mode) {
    switch (mode) {
        case BlockMode::full:
            return "full";
        case BlockMode::skip:
            return "skip";
        case BlockMode::direct:
            return "direct";
    }
    return "?";
}

std::string_view to_string(Variant variant) {
    return variant == Variant::v1 ? "v1" : "v1.5";
}

}  // namespace skipstone
