#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "exits/head.hpp"

namespace skipstone::exits {

// A head behind its pooling, on a few samples at a time: forward, and backward to the gradients of its numbers.
// Float32; sums in a fixed order.
class HeadNetwork {
  public:
    // input: of one sample, what the pooling gives.
    HeadNetwork(HeadKind const& kind, TensorShape input, int classes);

    std::size_t inputs() const { return input_.elements(); }
    std::size_t numbers() const;                    // all of HeadNumbers, one part behind the other
    TensorShape behind() const { return behind_; }  // what the fully connected operator reads

    // samples: [count, inputs()]; logits: [count, classes].
    void forward(std::span<float const> numbers, std::span<float const> samples, std::size_t count,
                 std::span<float> logits);
    // After forward() with the same samples: adds to `gradient`, as numbers.
    void backward(std::span<float const> numbers, std::span<float const> samples, std::size_t count,
                  std::span<float const> of_logits, std::span<float> gradient);

    // Where the parts of numbers begin.
    std::size_t layer_bias_at() const { return layer_weights_; }
    std::size_t weights_at() const { return layer_weights_ + channels_; }
    std::size_t bias_at() const { return weights_at() + classes_ * behind_.elements(); }

  private:
    // What the layer multiplies: [count · pixels_, window_].
    float const* unfolded(std::span<float const> samples, std::size_t count);

    void spread(std::size_t count);

    HeadKind::Layer layer_;
    TensorShape input_, behind_;
    // pixels_: that the layer gives; window_: numbers that each is computed from.
    std::size_t channels_, classes_, pixels_, window_, layer_weights_;
    std::vector<float> unfolded_, activations_, averaged_, of_averaged_, of_activations_;
};

}  // namespace skipstone::exits
