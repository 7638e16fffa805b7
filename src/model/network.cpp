#include "model/network.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <unordered_set>
#include <utility>

#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone {

namespace {

// Operators that a tensor follows from, back to `from` or to what is marked already; in the graph's order.
std::vector<OperatorId> between(Graph const& graph, TensorId from, TensorId to) {
    std::vector<OperatorId> found;
    std::unordered_set<OperatorId> known;
    std::vector<TensorId> open{to};
    while (!open.empty()) {
        auto const tensor = open.back();
        open.pop_back();
        if (tensor == from) continue;
        auto const source = graph.source(tensor);
        if (!known.insert(source).second) continue;
        found.push_back(source);
        std::ranges::copy(graph.at(source).inputs, std::back_inserter(open));
    }
    std::ranges::sort(found);
    return found;
}

bool is_sum(Operator const& op) {
    return op.as<op::Add>() != nullptr;
}

bool is_activation(Operator const& op) {
    return op.as<op::Relu>() || op.as<op::Activation>() || op.as<op::Prelu>();
}

// The shortcut of a block whose last operators are a sum and, perhaps, an activation: that side of the sum which takes
// fewer operators, if all that it has in common with the other side is without weights (a pool before both).
std::optional<Shortcut> shortcut_of(Graph const& graph, Block const& block) {
    auto const& last = graph.at(block.operators.back());
    auto const sum = is_activation(last) ? graph.source(last.inputs.front()) : block.operators.back();
    if (std::ranges::find(block.operators, sum) == block.operators.end() || !is_sum(graph.at(sum))) return std::nullopt;
    std::vector<Shortcut> sides;
    for (auto const tensor : graph.at(sum).inputs) sides.push_back({between(graph, block.reads, tensor), tensor, sum});
    auto const& shorter = sides[0].operators.size() < sides[1].operators.size() ? sides[0] : sides[1];
    auto const& longer = &shorter == &sides[0] ? sides[1] : sides[0];
    std::vector<OperatorId> shared;
    std::ranges::set_intersection(shorter.operators, longer.operators, std::back_inserter(shared));
    bool const stands_alone = std::ranges::none_of(shared, [&](OperatorId id) { return graph.at(id).is_weighted(); });
    if (!stands_alone || longer.operators.size() == shared.size()) return std::nullopt;
    return shorter;
}

// The type of a tensor that crosses between blocks, or leaves the network.
ElementType handed_on(Graph const& graph, TensorId tensor, Precision network) {
    if (tensor == graph.output()) return ElementType::float32;
    auto const type = activation_type(graph.precision_of(graph.at(graph.source(tensor)), network));
    return type == ElementType::uint8 && graph.at(tensor).is_negative_somewhere ? ElementType::int8 : type;
}

// A block with its costs; its name and stage are its finder's.
Block block_from(Graph const& graph, Precision precision, TensorId reads, TensorId gives,
                 std::vector<OperatorId> operators) {
    Block block;
    block.operators = std::move(operators);
    block.reads = reads;
    block.gives = gives;
    block.shortcut = shortcut_of(graph, block);
    block.input = graph.at(block.reads).shape;
    block.output = graph.at(block.gives).shape;
    auto const full = graph.costs(block.operators, precision);
    block.macs = full.macs;
    block.memory_bytes = full.memory;
    block.weight_bytes = full.weights;
    if (block.shortcut) {
        auto const skip = graph.costs(block.shortcut->operators, precision);
        block.skip_macs = skip.macs;
        block.skip_memory_bytes = skip.memory;
    }
    block.output_bytes = block.output.bytes(handed_on(graph, block.gives, precision));
    return block;
}

struct Piece {
    TensorId reads, gives;
    std::vector<OperatorId> operators;
    bool is_weighted = false;

    void append(Piece const& next) {
        gives = next.gives;
        is_weighted = is_weighted || next.is_weighted;
        std::ranges::copy(next.operators, std::back_inserter(operators));
    }
};

// It ends with a sum, or a sum and its activation: with more behind these it could not be dropped.
bool is_whole(Graph const& graph, Piece const& piece) {
    auto last = graph.at(piece.operators.back());
    if (is_activation(last) && graph.source(last.inputs.front())) last = graph.at(graph.source(last.inputs.front()));
    return is_sum(last);
}

// Rows and columns of the smallest image that a weighted operator of a block gives; of one without: what it gives.
std::pair<int, int> image_size(Graph const& graph, Block const& block) {
    std::pair<int, int> smallest{block.output.h, block.output.w};
    bool found = false;
    for (auto const id : block.operators) {
        auto const& op = graph.at(id);
        auto const shape = graph.at(op.output).shape;
        if (!op.is_weighted() || (found && shape.h * shape.w >= smallest.first * smallest.second)) continue;
        smallest = {shape.h, shape.w};
        found = true;
    }
    return smallest;
}

}  // namespace

std::vector<Block> blocks_of(Graph const& graph, Precision precision) {
    std::vector<Piece> pieces;
    auto const cuts = graph.cuts();
    for (std::size_t i = 1; i < cuts.size(); ++i) {
        Piece piece{cuts[i - 1], cuts[i], between(graph, cuts[i - 1], cuts[i])};
        for (auto const id : piece.operators) piece.is_weighted = piece.is_weighted || graph.at(id).is_weighted();
        bool const activates = piece.operators.size() == 1 && is_activation(graph.at(piece.operators.back()));
        if (!pieces.empty()) {
            auto& before = pieces.back();
            bool const follows_sum = activates && is_sum(graph.at(before.operators.back()));
            if (!before.is_weighted || follows_sum || (!piece.is_weighted && !is_whole(graph, before))) {
                before.append(piece);
                continue;
            }
        }
        pieces.push_back(std::move(piece));
    }
    if (pieces.size() > 1 && !pieces.back().is_weighted) {
        auto const tail = std::move(pieces.back());
        pieces.pop_back();
        pieces.back().append(tail);
    }

    std::vector<Block> blocks;
    std::pair<int, int> last_size;
    for (auto& piece : pieces) {
        auto block = block_from(graph, precision, piece.reads, piece.gives, std::move(piece.operators));
        auto const first =
            std::ranges::find_if(block.operators, [&](OperatorId id) { return graph.at(id).is_weighted(); });
        block.name = graph.at(first == block.operators.end() ? block.operators.front() : *first).name;
        auto const size = image_size(graph, block);
        block.stage = blocks.empty() ? 1 : blocks.back().stage + (size != last_size);
        last_size = size;
        blocks.push_back(std::move(block));
    }
    return blocks;
}

std::vector<Block> joined_blocks(Graph const& graph, Precision precision, std::vector<Block> blocks,
                                 BlockRule const& rule) {
    using Kind = BlockRule::Kind;
    if (rule.kind == Kind::finest) return blocks;
    // Which block of those found a joined one begins with, by block.
    std::vector<std::size_t> starts(blocks.size());
    for (std::size_t b = 0; b < blocks.size(); ++b) starts[b] = b;
    if (rule.kind == Kind::stages)
        for (std::size_t b = 1; b < blocks.size(); ++b)
            if (blocks[b].stage == blocks[b - 1].stage) starts[b] = starts[b - 1];
    auto const index_of = [&](std::string const& name) {
        for (std::size_t b = 0; b < blocks.size(); ++b) {
            bool const has = blocks[b].name == name || std::ranges::any_of(blocks[b].operators, [&](OperatorId id) {
                                 return graph.at(id).name == name;
                             });
            if (has) return b;
        }
        std::vector<std::string> names;
        for (auto const& block : blocks) names.push_back(block.name);
        throw InputError("there is no block or operator \"" + name + "\"; the nearest block is \"" +
                         nearest(name, names) + "\"");
    };
    std::size_t free = 0;  // blocks before it are in a list already
    for (auto const& list : rule.lists) {
        if (list.empty()) throw InputError("a list is empty; name the blocks that are one");
        auto const first = index_of(list.front());
        auto last = first;
        for (auto const& name : list) {
            auto const b = index_of(name);
            if (b < last || first < free) throw InputError("\"" + name + "\" is out of order, or in two lists");
            last = b;
        }
        free = last + 1;
        for (auto b = first; b <= last; ++b) starts[b] = first;
    }
    std::vector<Block> joined;
    for (std::size_t b = 0; b < blocks.size();) {
        auto end = b + 1;
        while (end < blocks.size() && starts[end] == b) ++end;
        if (end == b + 1) {
            joined.push_back(std::move(blocks[b]));
        } else {
            std::vector<OperatorId> operators;
            for (auto i = b; i < end; ++i) std::ranges::copy(blocks[i].operators, std::back_inserter(operators));
            auto block = block_from(graph, precision, blocks[b].reads, blocks[end - 1].gives, std::move(operators));
            block.name = blocks[b].name + ".." + blocks[end - 1].name;
            block.stage = blocks[b].stage;
            joined.push_back(std::move(block));
        }
        b = end;
    }
    return joined;
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

// read(): what a profile says; what is wrong with it then names the network.
template <class Read>
auto of_network(NetworkProfile const& profile, Read const& read) {
    try {
        return read();
    } catch (InputError const& error) {
        throw InputError("network " + profile.name + ": " + error.what());
    }
}

// Of at most so many bytes, its middle replaced by the mark; no UTF-8 character is cut.
std::string shortened(std::string const& name, std::size_t most, std::string const& mark) {
    auto const is_inside = [&](std::size_t i) { return (static_cast<unsigned char>(name[i]) & 0xC0U) == 0x80U; };
    auto begin = (most - mark.size()) / 3, end = name.size() - (most - mark.size() - begin);
    while (begin > 0 && is_inside(begin)) --begin;
    while (end < name.size() && is_inside(end)) ++end;
    return name.substr(0, begin) + mark + name.substr(end);
}

std::string text(TensorShape shape) {
    return std::to_string(shape.h) + " x " + std::to_string(shape.w) + " x " + std::to_string(shape.c);
}

void shorten_names(std::vector<Block>& blocks) {
    std::unordered_set<std::string> taken;
    for (auto const& block : blocks) taken.insert(block.name);
    for (std::size_t b = 0; b < blocks.size(); ++b) {
        auto& name = blocks[b].name;
        if (name.size() <= Network::longest_block_name) continue;
        auto brief = shortened(name, Network::longest_block_name, "…");
        if (!taken.insert(brief).second)
            brief = shortened(name, Network::longest_block_name, "…" + std::to_string(b) + "…");
        name = std::move(brief);
    }
}

}  // namespace

Network::Network(NetworkProfile profile)
    : Network(of_network(profile, [&] { return profile.family->draw(profile); }), profile) {}

Network::Network(Blueprint blueprint, NetworkProfile profile)
    : profile_(std::move(profile)),
      graph_(std::move(blueprint.graph)),
      input_axes_(std::move(blueprint.input_axes)),
      output_axes_(std::move(blueprint.output_axes)) {
    blocks_ = blocks_of(graph_, profile_.precision);
    auto const& names = blueprint.block_names;
    auto const& stages = blueprint.stages;
    SKIPSTONE_EXPECT((names.empty() || names.size() == blocks_.size()) &&
                     (stages.empty() || stages.size() == blocks_.size()));
    for (std::size_t b = 0; b < names.size(); ++b) blocks_[b].name = names[b];
    for (std::size_t b = 0; b < stages.size(); ++b) blocks_[b].stage = stages[b];
    blocks_ = of_network(
        profile_, [&] { return joined_blocks(graph_, profile_.precision, std::move(blocks_), profile_.blocks); });
    shorten_names(blocks_);
    for (auto const& head : profile_.exits) exits_.push_back(of_network(profile_, [&] { return exit_of(head); }));
    require_countable(*this);
}

Exit Network::exit_of(ExitHead const& exit) const {
    // Joined blocks are called FIRST..LAST, and give what the last one did.
    auto const found = std::ranges::find_if(blocks_, [&](Block const& block) {
        return block.name == exit.after || block.name.ends_with(".." + exit.after);
    });
    std::optional<BlockId> after;
    if (found != blocks_.end()) after = BlockId(static_cast<std::size_t>(found - blocks_.begin()));
    std::string const what = "the exit behind block \"" + exit.after + "\"";
    if (!after || after->index() + 1 == size()) {
        std::vector<std::string> names;
        for (auto const& block : std::span(blocks_).first(size() - 1)) names.push_back(block.name);
        throw InputError(what + ": " +
                         (after ? "it is the last block, whose output is the network's" : "there is no such block") +
                         (names.empty() ? "" : "; the nearest is \"" + nearest(exit.after, names) + "\""));
    }
    if (!exits_.empty() && exits_.back().after >= *after)
        throw InputError(what + " is out of order, or there twice; exits stand in the order of the blocks");
    auto const& graph = exit.graph;
    if (graph.at(graph.input()).shape != block(*after).output)
        throw InputError(what + " was made for an output of " + text(graph.at(graph.input()).shape) +
                         ", and the block gives " + text(block(*after).output));
    if (auto const given = graph.at(graph.output()).shape; given.elements() != output_shape().elements())
        throw InputError(what + " tells " + std::to_string(given.elements()) + " classes apart, and the network " +
                         std::to_string(output_shape().elements()));
    std::vector<OperatorId> operators;
    for (std::size_t o = 0; o < graph.operators().size(); ++o) operators.emplace_back(o);
    Exit made{*after, graph,
              block_from(graph, Precision::float32, graph.input(), graph.output(), std::move(operators))};
    made.head.name = "exit." + block(*after).name;
    if (made.head.name.size() > longest_block_name) made.head.name = shortened(made.head.name, longest_block_name, "…");
    made.head.stage = block(*after).stage;
    made.head.shortcut.reset();
    return made;
}

std::optional<ExitId> Network::exit_after(BlockId block) const {
    auto const found = std::ranges::find(exits_, block, &Exit::after);
    if (found == exits_.end()) return std::nullopt;
    return ExitId(static_cast<std::size_t>(found - exits_.begin()));
}

std::vector<Network::WeightTensor> Network::weight_tensors() const {
    auto all = graph_.weight_tensors();
    for (auto const& exit : exits_) std::ranges::copy(exit.graph.weight_tensors(), std::back_inserter(all));
    return all;
}

std::optional<BlockId> Network::find(std::string_view name) const {
    auto const found = std::ranges::find(blocks_, name, &Block::name);
    if (found == blocks_.end()) return std::nullopt;
    return BlockId(static_cast<std::size_t>(found - blocks_.begin()));
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
    if (is_head(id)) return ElementType::float32;
    return handed_on(graph_, block(id).gives, precision());
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

}  // namespace skipstone
