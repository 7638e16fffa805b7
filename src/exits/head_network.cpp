#include "exits/head_network.hpp"

#include <algorithm>

#include "exits/pooling.hpp"
#include "kernels/matrix_product.hpp"

namespace skipstone::exits {

using kernels::Matrix;
using kernels::multiply;
using kernels::Turned;

namespace {

constexpr Pooling behind_convolution{grid_behind_convolution, false};

TensorShape shape_behind(HeadKind const& kind, TensorShape input) {
    using Layer = HeadKind::Layer;
    if (kind.layer == Layer::none) return input;
    if (kind.layer == Layer::full) return {1, 1, 1, kind.channels};
    return pooled_shape({1, input.h, input.w, kind.channels}, behind_convolution);
}

}  // namespace

HeadNetwork::HeadNetwork(HeadKind const& kind, TensorShape input, int classes)
    : layer_(kind.layer),
      input_(input),
      behind_(shape_behind(kind, input)),
      channels_(static_cast<std::size_t>(kind.channels)),
      classes_(static_cast<std::size_t>(classes)),
      pixels_(layer_ == HeadKind::Layer::convolution ? input.elements() / static_cast<std::size_t>(input.c) : 1),
      window_(layer_ == HeadKind::Layer::convolution ? 9 * static_cast<std::size_t>(input.c) : input.elements()),
      layer_weights_(channels_ * window_) {}

std::size_t HeadNetwork::numbers() const {
    return bias_at() + classes_;
}

// Of a convolution: the 3 x 3 surroundings of every pixel, zeros around the image.
float const* HeadNetwork::unfolded(std::span<float const> samples, std::size_t count) {
    if (layer_ == HeadKind::Layer::full) return samples.data();
    unfolded_.assign(count * pixels_ * window_, 0);
    auto const channels = static_cast<std::size_t>(input_.c);
    auto* to = unfolded_.data();
    for (std::size_t n = 0; n < count; ++n)
        for (int y = 0; y < input_.h; ++y)
            for (int x = 0; x < input_.w; ++x)
                for (int r = y - 1; r <= y + 1; ++r)
                    for (int q = x - 1; q <= x + 1; ++q, to += channels)
                        if (r >= 0 && r < input_.h && q >= 0 && q < input_.w)
                            std::copy_n(
                                samples.data() + n * inputs() + static_cast<std::size_t>(r * input_.w + q) * channels,
                                channels, to);
    return unfolded_.data();
}

void HeadNetwork::forward(std::span<float const> numbers, std::span<float const> samples, std::size_t count,
                          std::span<float> logits) {
    float const* last = samples.data();
    auto const width = behind_.elements();
    if (layer_ != HeadKind::Layer::none) {
        activations_.resize(count * pixels_ * channels_);
        multiply(count * pixels_, channels_, window_, {unfolded(samples, count), window_},
                 {numbers.data(), window_, Turned::yes}, activations_.data(), channels_, false);
        float const* bias = numbers.data() + layer_bias_at();
        for (std::size_t p = 0; p < count * pixels_; ++p)
            for (std::size_t c = 0; c < channels_; ++c) {
                auto& value = activations_[p * channels_ + c];
                value = std::max(value + bias[c], 0.0F);
            }
        last = activations_.data();
    }
    if (layer_ == HeadKind::Layer::convolution) {
        Tensor tensor({static_cast<int>(count), input_.h, input_.w, static_cast<int>(channels_)});
        std::ranges::copy(activations_, tensor.values().begin());
        averaged_.resize(count * width);
        pool(tensor, behind_convolution, averaged_, width);
        last = averaged_.data();
    }
    multiply(count, classes_, width, {last, width}, {numbers.data() + weights_at(), width, Turned::yes}, logits.data(),
             classes_, false);
    float const* bias = numbers.data() + bias_at();
    for (std::size_t n = 0; n < count; ++n)
        for (std::size_t k = 0; k < classes_; ++k) logits[n * classes_ + k] += bias[k];
}

// Gradients of averages to those of what they were taken of.
void HeadNetwork::spread(std::size_t count) {
    auto const width = behind_.elements();
    of_activations_.assign(count * pixels_ * channels_, 0);
    auto const down = stride_of(input_.h, grid_behind_convolution),
               across = stride_of(input_.w, grid_behind_convolution);
    float const share = 1 / static_cast<float>(down.window * across.window);
    for (std::size_t n = 0; n < count; ++n)
        for (int y = 0; y < behind_.h; ++y)
            for (int x = 0; x < behind_.w; ++x) {
                float const* from =
                    of_averaged_.data() + n * width + static_cast<std::size_t>(y * behind_.w + x) * channels_;
                for (int r = y * down.stride; r < y * down.stride + down.window; ++r)
                    for (int q = x * across.stride; q < x * across.stride + across.window; ++q) {
                        auto const place = (n * pixels_ + static_cast<std::size_t>(r * input_.w + q)) * channels_;
                        for (std::size_t c = 0; c < channels_; ++c) of_activations_[place + c] += share * from[c];
                    }
            }
}

void HeadNetwork::backward(std::span<float const> numbers, std::span<float const> samples, std::size_t count,
                           std::span<float const> of_logits, std::span<float> gradient) {
    auto const width = behind_.elements();
    float const* last = layer_ == HeadKind::Layer::none   ? samples.data()
                        : layer_ == HeadKind::Layer::full ? activations_.data()
                                                          : averaged_.data();
    multiply(classes_, width, count, {of_logits.data(), classes_, Turned::yes}, {last, width},
             gradient.data() + weights_at(), width, true);
    for (std::size_t n = 0; n < count; ++n)
        for (std::size_t k = 0; k < classes_; ++k) gradient[bias_at() + k] += of_logits[n * classes_ + k];
    if (layer_ == HeadKind::Layer::none) return;
    of_averaged_.resize(count * width);
    multiply(count, width, classes_, {of_logits.data(), classes_}, {numbers.data() + weights_at(), width},
             of_averaged_.data(), width, false);
    if (layer_ == HeadKind::Layer::full)
        of_activations_ = of_averaged_;
    else
        spread(count);
    float* bias = gradient.data() + layer_bias_at();
    for (std::size_t p = 0; p < count * pixels_; ++p)
        for (std::size_t c = 0; c < channels_; ++c) {
            auto& value = of_activations_[p * channels_ + c];
            if (activations_[p * channels_ + c] <= 0) value = 0;
            bias[c] += value;
        }
    multiply(channels_, window_, count * pixels_, {of_activations_.data(), channels_, Turned::yes},
             {layer_ == HeadKind::Layer::full ? samples.data() : unfolded_.data(), window_}, gradient.data(), window_,
             true);
}

}  // namespace skipstone::exits
