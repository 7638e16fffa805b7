#include "kernels/part_kernels.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "kernels/piece.hpp"
#include "model/box.hpp"
#include "model/part_graph.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

struct PartKernels::Compiled {
    Piece piece;
    PackLayout layout;
    Buffer memory;
    CompiledConvolutions convolutions = {};
    std::map<int, Program> programs = {};  // by batch size

    Compiled(Piece piece_here, PackLayout const& whole, WeightSource& source)
        : piece(std::move(piece_here)), layout(whole, piece), memory(layout.bytes()) {
        pack(piece, layout, source, memory.bytes());
    }

    Program& program(PrimitiveFactory const& factory, int batch) {
        auto found = programs.find(batch);
        if (found == programs.end())
            found = programs
                        .emplace(batch, Program(piece, BlockMode::full, batch, {layout, memory.bytes()}, factory,
                                                convolutions, nullptr))
                        .first;
        return found->second;
    }
    TensorShape input(int batch) const { return batched(piece.graph().at(piece.reads()).shape, batch); }
    TensorShape output(int batch) const { return batched(piece.graph().at(piece.gives()).shape, batch); }
};

struct PartKernels::Divided {
    std::vector<PartGraph> graphs;
    std::vector<std::unique_ptr<Compiled>> parts;
    std::unique_ptr<Compiled> rest;  // of Split::Kind::inputs
    std::vector<float> bias;         // likewise; empty: the operator has none
    Region read;                     // likewise: of the sum, what `rest` reads
};

PartKernels::PartKernels(Network const& network, PackLayout const& layout, PrimitiveFactory const& factory,
                         Workspace& workspace, WeightSupply weights)
    : network_(network), layout_(layout), factory_(factory), workspace_(workspace), weights_(std::move(weights)) {}

PartKernels::~PartKernels() = default;

PartKernels::Divided& PartKernels::divided(BlockId block, Split split) {
    SKIPSTONE_EXPECT(!split.is_whole());
    auto& found = blocks_[{block, split}];
    if (!found) {
        auto made = std::make_unique<Divided>();
        made->graphs = part_graphs(network_, block, split);
        made->parts.resize(made->graphs.size());
        found = std::move(made);
    }
    return *found;
}

PartKernels::Compiled& PartKernels::part(BlockId block, Split split, int part) {
    auto& all = divided(block, split);
    auto& found = all.parts.at(static_cast<std::size_t>(part));
    if (!found) {
        SKIPSTONE_EXPECT(weights_ != nullptr);
        bool const sums = split.kind == Split::Kind::inputs;
        auto const& graph = all.graphs[static_cast<std::size_t>(part)];
        found = std::make_unique<Compiled>(Piece::part(network_, block, graph, sums), layout_, *weights_());
    }
    return *found;
}

PartKernels::Compiled& PartKernels::rest(BlockId block, Split split) {
    auto& all = divided(block, split);
    if (!all.rest) {
        SKIPSTONE_EXPECT(weights_ != nullptr);
        auto const graph = join_graph(network_, block, split.parts);
        auto const source = weights_();
        auto const& mixing = network_.graph().at(graph.mixing);
        auto const* convolution = mixing.as<op::Convolution>();
        if (convolution ? convolution->has_bias : mixing.as<op::FullyConnected>()->has_bias)
            all.bias = source->read(mixing.weights + ".bias").values;
        all.read = graph.rest.input();
        all.rest = std::make_unique<Compiled>(Piece::rest(network_, block, graph), layout_, *source);
    }
    return *all.rest;
}

Tensor PartKernels::run(BlockId block, Split split, int part_number, Tensor box) {
    auto& compiled = part(block, split, part_number);
    int const batch = box.shape().n;
    SKIPSTONE_EXPECT(batch >= 1 && box.shape() == compiled.input(batch));
    SKIPSTONE_EXPECT(box.type() == compiled.piece.input_type());
    return compiled.program(factory_, batch).run(std::move(box), workspace_, {});
}

void PartKernels::prepare(BlockId block, Split split, int part_number, int batch) {
    if (part_number < 0) return prepare_join(block, split, batch);
    auto const& compiled = part(block, split, part_number);
    run(block, split, part_number, sample_input(compiled.input(batch), compiled.piece.input_type()));
}

Tensor PartKernels::join(BlockId block, Split split, std::vector<Tensor> parts) {
    auto const& all = divided(block, split);
    SKIPSTONE_EXPECT(parts.size() == all.graphs.size());
    int const batch = parts.front().shape().n;
    bool const sums = split.kind == Split::Kind::inputs;
    for (std::size_t p = 0; p < parts.size(); ++p) {
        SKIPSTONE_EXPECT(parts[p].shape() == batched(all.graphs[p].output().shape(), batch));
        SKIPSTONE_EXPECT(parts[p].type() == (sums ? ElementType::float32 : network_.output_type(block)));
    }
    if (!sums) {
        Tensor whole(batched(network_.block(block).output, batch), network_.output_type(block));
        for (std::size_t p = 0; p < parts.size(); ++p) paste(whole, all.graphs[p].output(), parts[p]);
        return whole;
    }
    auto& behind = rest(block, split);
    auto total = std::move(parts.front());
    auto const values = total.values();
    for (auto const& next : std::span(parts).subspan(1)) {
        auto const* from = next.values().data();
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += from[i];
    }
    if (auto const channels = all.bias.size(); channels > 0)
        for (std::size_t i = 0; i < values.size(); i += channels)
            for (std::size_t c = 0; c < channels; ++c) values[i + c] += all.bias[c];
    // What is behind may read less than all of it: a pool that leaves out the last row, say.
    if (all.read != whole_region(total.shape())) total = cut(total, all.read);
    return behind.program(factory_, batch).run(std::move(total), workspace_, {});
}

void PartKernels::prepare_join(BlockId block, Split split, int batch) {
    auto const type = split.kind == Split::Kind::inputs ? ElementType::float32 : network_.output_type(block);
    std::vector<Tensor> parts;
    for (auto const& graph : divided(block, split).graphs)
        parts.push_back(sample_input(batched(graph.output().shape(), batch), type));
    join(block, split, std::move(parts));
}

}  // namespace skipstone::kernels
