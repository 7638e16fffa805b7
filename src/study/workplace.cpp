#include "study/workplace.hpp"

#include <algorithm>
#include <utility>

#include "kernels/host.hpp"
#include "units/error.hpp"

namespace skipstone::study {

namespace {

kernels::PackLayout layout_for_one_thread(Network const& network) {
    kernels::use_threads(1);  // workers are threads themselves
    return kernels::PackLayout(network);
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
            // What a block gives is not negative, and ReLU leaves it as it is.
            bool const vanishes =
                mode == BlockMode::skip && network_.block(BlockId(depth)).shortcut == Shortcut::identity;
            visit(next, depth + 1, vanishes ? std::move(input) : kernels_.run(BlockId(depth), mode, std::move(input)));
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

Workplace::Workplace(Network network, kernels::WeightsInfo weights, std::vector<DataSet> data, std::size_t batch)
    : network_(std::move(network)),
      weights_(std::move(weights)),
      data_(std::move(data)),
      batch_(batch),
      layout_(layout_for_one_thread(network_)),
      packed_(layout_.bytes()) {
    SKIPSTONE_EXPECT(batch >= 1);
    std::ranges::fill(packed_.bytes(), std::byte{0});
    kernels::FileWeights source(weights_.file, network_);
    kernels::pack(network_, layout_, source, packed_.bytes());
    for (std::size_t c = 0; c < 3; ++c) {
        mean_[c] = static_cast<float>(weights_.mean[c]);
        deviation_[c] = static_cast<float>(weights_.std[c]);
    }
}

std::size_t Workplace::images_of(std::size_t data, std::size_t batch) const {
    return std::min(batch_, data_.at(data).size() - batch * batch_);
}

Tensor Workplace::load(std::size_t data, std::size_t batch) const {
    return data_.at(data).load(batch * batch_, images_of(data, batch), network_.input_shape().h, mean_, deviation_);
}

kernels::NetworkKernels Workplace::make_kernels() const {
    return {network_, layout_, packed_.bytes()};
}

std::optional<Predictions> classify(Network const& network, kernels::NetworkKernels& kernels, PrefixTree const& tree,
                                    Tensor const& images, std::atomic<bool> const& stop) {
    Walk walk(network, kernels, tree, static_cast<std::size_t>(images.shape().n), stop);
    for (auto const root : tree.roots()) walk.visit(root, 0, images.clone());
    if (stop) return std::nullopt;
    return walk.take();
}

}  // namespace skipstone::study
