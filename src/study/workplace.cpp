#include "study/workplace.hpp"

#include <algorithm>
#include <utility>

#include "kernels/host.hpp"
#include "units/error.hpp"

namespace skipstone::study {

namespace {

// A block that, dropped, gives what it reads, number for number: its shortcut is the identity, and behind its sum is
// nothing, or a ReLU that leaves its input as it is.
bool passes_on(Network const& network, BlockId id) {
    auto const& block = network.block(id);
    if (!block.has_identity_shortcut() || id.index() == 0) return false;
    auto const& graph = network.graph();
    auto const last = block.operators.back();
    bool const changes =
        last != block.shortcut->sum && !(graph.at(last).as<op::Relu>() && !graph.at(block.reads).is_negative_somewhere);
    bool const is_signed_alike =
        graph.at(block.reads).is_negative_somewhere == graph.at(block.gives).is_negative_somewhere;  // int8 or uint8
    return !changes && is_signed_alike && network.output_type(id) == network.output_type(BlockId(id.index() - 1));
}

class Walk {
  public:
    Walk(Network const& network, kernels::NetworkKernels& kernels, PrefixTree const& tree, std::size_t images,
         std::atomic<bool> const& stop)
        : network_(network),
          kernels_(kernels),
          tree_(tree),
          images_(images),
          stop_(stop),
          predictions_(tree.sets() * images) {}

    void visit(std::size_t index, std::size_t depth, Tensor activations) {
        auto const& node = tree_.node(index);
        if (depth == network_.size()) {
            record(node, activations);
            return;
        }
        for (auto const& [mode, next] : node.children) {
            if (stop_) return;
            bool const last = next == node.children.back().second;
            auto input = last ? std::move(activations) : activations.clone();
            bool const passes = mode == BlockMode::skip && passes_on(network_, BlockId(depth));
            visit(next, depth + 1, passes ? std::move(input) : kernels_.run(BlockId(depth), mode, std::move(input)));
        }
    }

    Predictions take() { return std::move(predictions_); }

  private:
    void record(PrefixTree::Node const& leaf, Tensor const& logits) {
        auto const classes = logits.values().size() / images_;
        for (std::size_t i = 0; i < images_; ++i) {
            auto const scores = logits.values().subspan(i * classes, classes);
            auto const predicted = static_cast<std::uint32_t>(std::ranges::max_element(scores) - scores.begin());
            for (auto const set : leaf.sets) predictions_[set * images_ + i] = predicted;
        }
    }

    Network const& network_;
    kernels::NetworkKernels& kernels_;
    PrefixTree const& tree_;
    std::size_t images_;
    std::atomic<bool> const& stop_;
    Predictions predictions_;
};

}  // namespace

kernels::PackedNetwork pack(Network const& network, kernels::WeightsInfo const& weights,
                            ConvolutionChoices const& choices, Calibration const& calibration,
                            mpi::Communicator const* host) {
    kernels::use_threads(1);  // workers are threads themselves
    kernels::PackLayout layout(network, choices, calibration);
    kernels::WeightsOrigin const origin{weights.file, 0, weights.sha256};
    return host == nullptr ? kernels::PackedNetwork::alone(network, std::move(layout), origin)
                           : kernels::PackedNetwork::among(*host, network, std::move(layout), origin);
}

Workplace::Workplace(kernels::PackedNetwork network, kernels::WeightsInfo weights, std::vector<DataSet> data,
                     std::size_t batch)
    : packed_(std::move(network)), weights_(std::move(weights)), data_(std::move(data)), batch_(batch) {
    SKIPSTONE_EXPECT(batch >= 1);
}

std::size_t Workplace::images_of(std::size_t data, std::size_t batch) const {
    return std::min(batch_, data_.at(data).size() - batch * batch_);
}

Tensor Workplace::load(std::size_t data, std::size_t batch) const {
    return data_.at(data).load(batch * batch_, images_of(data, batch));
}

kernels::NetworkKernels Workplace::make_kernels() const {
    return packed_.make_kernels();
}

std::optional<Predictions> classify(Network const& network, kernels::NetworkKernels& kernels, PrefixTree const& tree,
                                    Tensor const& images, std::atomic<bool> const& stop) {
    Walk walk(network, kernels, tree, static_cast<std::size_t>(images.shape().n), stop);
    for (auto const root : tree.roots()) walk.visit(root, 0, images.clone());
    if (stop) return std::nullopt;
    return walk.take();
}

}  // namespace skipstone::study
