#include "kernels/network_kernels.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/primitives.hpp"
#include "units/buffer.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

TensorShape batched(TensorShape one, int batch) {
    return {batch, one.h, one.w, one.c};
}

TensorShape output_shape(Convolution const& c, int batch) {
    return {batch, c.out_height, c.out_width, c.out_channels};
}

Buffer& at_least(Buffer& buffer, std::size_t bytes) {
    if (buffer.size() < bytes) buffer = Buffer(bytes);
    return buffer;
}

void relu(std::span<float> values) {
    for (auto& value : values) value = value > 0 ? value : 0;
}

int stride_of(Block const& block) {
    int stride = 1;
    for (auto const& c : block.path) stride *= c.stride;
    return stride;
}

// The shortcut without parameters, "option A" of He et al. 2015: every stride-th row and column, new channels zero,
// half of them before and half behind the old ones.
Tensor zero_padded(Block const& block, Tensor const& input) {
    auto const in = input.shape();
    Tensor output(batched(block.output, in.n));
    auto const out = output.shape();
    auto const stride = stride_of(block);
    auto const before = (out.c - in.c) / 2;
    auto const* source = input.values().data();
    auto* destination = output.values().data();
    for (int n = 0; n < out.n; ++n) {
        for (int h = 0; h < out.h; ++h) {
            for (int w = 0; w < out.w; ++w) {
                auto const pixel =
                    (std::ptrdiff_t{n} * in.h + std::ptrdiff_t{h} * stride) * in.w + std::ptrdiff_t{w} * stride;
                std::fill_n(destination, before, 0.0F);
                std::copy_n(source + pixel * in.c, in.c, destination + before);
                std::fill_n(destination + before + in.c, out.c - in.c - before, 0.0F);
                destination += out.c;
            }
        }
    }
    return output;
}

Tensor sample_input(TensorShape shape) {
    Tensor input(shape);
    std::uint32_t state = 1;
    for (auto& value : input.values()) {
        state = state * 1664525U + 1013904223U;
        value = static_cast<float>(state >> 8) * 0x1p-24F;
    }
    return input;
}

}  // namespace

struct NetworkKernels::Impl {
    // Everything that a compiled convolution depends on; several convolutions of a network share one.
    using ConvolutionKey =
        std::tuple<int, int, int, int, int, int, int, int, ConvolutionAlgorithm, Destination, Activation>;

    Network network;
    PackLayout layout;
    std::span<std::byte const> packed;
    PrimitiveFactory factory;
    std::map<ConvolutionKey, Primitive> convolutions;
    std::map<int, Primitive> max_pools, averages;  // by batch size: a network has one of each
    Buffer inner[2];                               // activations between the convolutions of a block, in turn
    Buffer scratchpad;

    Impl(Network const& network_here, PackLayout layout_here, std::span<std::byte const> packed_here)
        : network(network_here), layout(std::move(layout_here)), packed(packed_here) {}

    Primitive& convolution(Convolution const& c, int batch, Destination destination, Activation activation) {
        auto const& format = layout.format(c.name);
        ConvolutionKey const key{c.in_channels, c.out_channels, c.in_height,        c.in_width,  c.kernel,  c.stride,
                                 c.padding,     batch,          format.algorithm(), destination, activation};
        auto found = convolutions.find(key);
        if (found == convolutions.end())
            found = convolutions.emplace(key, factory.convolution(c, batch, format, destination, activation)).first;
        return found->second;
    }

    Primitive& max_pool(Block const& stem, int batch) {
        auto found = max_pools.find(batch);
        if (found == max_pools.end()) {
            auto const input = output_shape(stem.path.front(), batch);
            found = max_pools.emplace(batch, factory.max_pool(input, batched(stem.output, batch))).first;
        }
        return found->second;
    }

    Primitive& average(Block const& head, int batch) {
        auto found = averages.find(batch);
        if (found == averages.end())
            found = averages.emplace(batch, factory.global_average(batched(head.input, batch))).first;
        return found->second;
    }

    std::byte* scratch(Primitive const& primitive) { return at_least(scratchpad, primitive.scratchpad_bytes()).data(); }

    float* inner_for(std::size_t turn, TensorShape shape) {
        return reinterpret_cast<float*>(at_least(inner[turn % 2], shape.elements() * sizeof(float)).data());
    }

    void convolve(Convolution const& c, int batch, Destination destination, Activation activation, float const* from,
                  float* to) {
        auto& primitive = convolution(c, batch, destination, activation);
        auto const entry = layout.entry(c.name);
        primitive.run({from, to, packed.data() + entry.weights,
                       reinterpret_cast<float const*>(packed.data() + entry.bias), scratch(primitive)});
    }

    // F(x) up to its last convolution; what that one is to read.
    float const* all_but_last(Block const& block, Tensor const& input) {
        auto const batch = input.shape().n;
        auto const* from = input.values().data();
        for (std::size_t i = 0; i + 1 < block.path.size(); ++i) {
            auto const& c = block.path[i];
            auto* to = inner_for(i, output_shape(c, batch));
            convolve(c, batch, Destination::overwrite, Activation::relu, from, to);
            from = to;
        }
        return from;
    }

    // S(x), before the ReLU or after it.
    Tensor shortcut(Block const& block, Tensor input, Activation activation) {
        if (block.shortcut == Shortcut::projection) {
            auto const batch = input.shape().n;
            Tensor output(batched(block.output, batch));
            convolve(*block.projection, batch, Destination::overwrite, activation, input.values().data(),
                     output.values().data());
            return output;
        }
        auto output = block.shortcut == Shortcut::zero_pad ? zero_padded(block, input) : std::move(input);
        if (activation == Activation::relu) relu(output.values());
        return output;
    }

    Tensor full(Block const& block, Tensor input) {
        auto const batch = input.shape().n;
        auto const& last = block.path.back();
        if (block.shortcut == Shortcut::identity) {  // the sum accumulates in the input's own memory
            auto const* from = all_but_last(block, input);
            convolve(last, batch, Destination::add, Activation::relu, from, input.values().data());
            return input;
        }
        auto const* from = all_but_last(block, input);
        auto output = shortcut(block, std::move(input), Activation::none);
        convolve(last, batch, Destination::add, Activation::relu, from, output.values().data());
        return output;
    }

    Tensor direct(Block const& block, Tensor input) {
        auto const shape = batched(block.output, input.shape().n);
        auto const* from = all_but_last(block, input);
        auto output = shape == input.shape() ? std::move(input) : Tensor(shape);
        convolve(block.path.back(), shape.n, Destination::overwrite, Activation::relu, from, output.values().data());
        return output;
    }

    Tensor stem(Block const& block, Tensor const& input) {
        auto const& c = block.path.front();
        auto const shape = output_shape(c, input.shape().n);
        Tensor output(batched(block.output, shape.n));
        bool const pools = output.shape() != shape;
        auto* convolved = pools ? inner_for(0, shape) : output.values().data();
        convolve(c, shape.n, Destination::overwrite, Activation::relu, input.values().data(), convolved);
        if (pools) {
            auto& primitive = max_pool(block, shape.n);
            primitive.run({convolved, output.values().data(), nullptr, nullptr, scratch(primitive)});
        }
        return output;
    }

    Tensor head(Block const& block, Tensor const& input) {
        auto const batch = input.shape().n;
        auto* mean = inner_for(0, {batch, 1, 1, block.input.c});
        auto& primitive = average(block, batch);
        primitive.run({input.values().data(), mean, nullptr, nullptr, scratch(primitive)});
        Tensor output(batched(block.output, batch));
        convolve(block.path.front(), batch, Destination::overwrite, Activation::none, mean, output.values().data());
        return output;
    }

    Tensor run(Block const& block, BlockMode mode, Tensor input) {
        SKIPSTONE_EXPECT(input.shape().n >= 1);
        SKIPSTONE_EXPECT(input.shape() == batched(block.input, input.shape().n));
        SKIPSTONE_EXPECT(block.is_residual() || mode == BlockMode::full);
        if (block.role == Block::Role::stem) return stem(block, input);
        if (block.role == Block::Role::head) return head(block, input);
        switch (mode) {
            case BlockMode::full:
                return full(block, std::move(input));
            case BlockMode::skip:
                return shortcut(block, std::move(input), Activation::relu);
            case BlockMode::direct:
                return direct(block, std::move(input));
        }
        contract_failed("precondition", "mode is a BlockMode", __FILE__, __LINE__);
    }
};

NetworkKernels::NetworkKernels(Network const& network, PackLayout layout, std::span<std::byte const> packed)
    : impl_(std::make_unique<Impl>(network, std::move(layout), packed)) {
    SKIPSTONE_EXPECT(packed.size() >= impl_->layout.bytes());
    SKIPSTONE_EXPECT(reinterpret_cast<std::uintptr_t>(packed.data()) % Buffer::alignment == 0);
}
NetworkKernels::NetworkKernels(NetworkKernels&&) noexcept = default;
NetworkKernels& NetworkKernels::operator=(NetworkKernels&&) noexcept = default;
NetworkKernels::~NetworkKernels() = default;

Tensor NetworkKernels::run(BlockId block, BlockMode mode, Tensor input) {
    return impl_->run(impl_->network.block(block), mode, std::move(input));
}

void NetworkKernels::warm_up(BlockId block, int batch) {
    auto const& b = impl_->network.block(block);
    auto const shape = batched(b.input, batch);
    impl_->run(b, BlockMode::full, sample_input(shape));
    if (b.is_residual()) impl_->run(b, BlockMode::skip, sample_input(shape));
}

Seconds NetworkKernels::measure(BlockId block, int batch, int repetitions) {
    SKIPSTONE_EXPECT(repetitions >= 1);
    warm_up(block, batch);
    using Clock = std::chrono::steady_clock;
    auto const& b = impl_->network.block(block);
    auto const input = sample_input(batched(b.input, batch));
    std::vector<double> seconds;
    for (int i = 0; i < repetitions; ++i) {
        auto taken = input.clone();
        auto const begin = Clock::now();
        auto const output = impl_->run(b, BlockMode::full, std::move(taken));
        seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    auto const middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::ranges::nth_element(seconds, middle);
    return Seconds(*middle);
}

std::string NetworkKernels::implementation(BlockId block) {
    auto const& b = impl_->network.block(block);
    std::string text;
    auto add = [&](std::string const& name, Primitive const& primitive) {
        text += (text.empty() ? "" : "; ") + name + ": " + primitive.implementation();
    };
    if (b.role == Block::Role::head) add("average pool", impl_->average(b, 1));
    for (auto const& c : b.path) {
        bool const last = &c == &b.path.back();
        auto const destination = b.is_residual() && last ? Destination::add : Destination::overwrite;
        auto const activation = b.role == Block::Role::head ? Activation::none : Activation::relu;
        add(c.name, impl_->convolution(c, 1, destination, activation));
    }
    if (b.projection)
        add(b.projection->name, impl_->convolution(*b.projection, 1, Destination::overwrite, Activation::none));
    if (b.role == Block::Role::stem && output_shape(b.path.front(), 1) != b.output)
        add("max pool", impl_->max_pool(b, 1));
    return text;
}

}  // namespace skipstone::kernels
