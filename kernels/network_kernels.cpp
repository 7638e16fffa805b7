#include "kernels/network_kernels.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
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

std::size_t bytes_of(TensorShape shape, ElementType type) {
    return shape.elements() * size_of(type);
}

void relu(Tensor& tensor) {
    if (tensor.type() == ElementType::float32)
        for (auto& value : tensor.values()) value = value > 0 ? value : 0;
    if (tensor.type() == ElementType::bfloat16) {
        auto const bytes = tensor.bytes();
        auto* words = reinterpret_cast<std::uint16_t*>(bytes.data());
        for (std::size_t i = 0; i < bytes.size() / sizeof *words; ++i) words[i] = (words[i] & 0x8000U) ? 0 : words[i];
    }
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
    Tensor output(batched(block.output, in.n), input.type());
    auto const out = output.shape();
    auto const stride = stride_of(block);
    auto const size = static_cast<std::ptrdiff_t>(size_of(input.type()));
    auto const before = size * ((out.c - in.c) / 2), behind = size * (out.c - in.c) - before;
    auto const* source = input.bytes().data();
    auto* destination = output.bytes().data();
    for (int n = 0; n < out.n; ++n) {
        for (int h = 0; h < out.h; ++h) {
            for (int w = 0; w < out.w; ++w) {
                auto const pixel =
                    (std::ptrdiff_t{n} * in.h + std::ptrdiff_t{h} * stride) * in.w + std::ptrdiff_t{w} * stride;
                destination = std::fill_n(destination, before, std::byte{0});
                destination = std::copy_n(source + pixel * in.c * size, in.c * size, destination);
                destination = std::fill_n(destination, behind, std::byte{0});
            }
        }
    }
    return output;
}

// 8-bit values without a sign, in units of `to` instead of units of `from`.
void rescale(Tensor& tensor, float from, float to) {
    if (from == to) return;
    std::array<std::byte, 256> table;
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = static_cast<std::byte>(std::min(255.0F, std::nearbyint(static_cast<float>(i) * (from / to))));
    for (auto& value : tensor.bytes()) value = table[static_cast<std::size_t>(value)];
}

Tensor sample_input(TensorShape shape, ElementType type) {
    Tensor input(shape, type);
    std::uint32_t state = 1;
    auto const next = [&] { return (state = state * 1664525U + 1013904223U) >> 8; };
    switch (type) {
        case ElementType::float32:
            for (auto& value : input.values()) value = static_cast<float>(next()) * 0x1p-24F;
            break;
        case ElementType::bfloat16:  // the upper half of a float32
            for (std::size_t i = 0; i < shape.elements(); ++i) {
                auto const half = std::bit_cast<std::uint32_t>(static_cast<float>(next()) * 0x1p-24F) >> 16;
                auto const word = static_cast<std::uint16_t>(half);
                std::memcpy(input.bytes().data() + i * sizeof word, &word, sizeof word);
            }
            break;
        case ElementType::int8:
        case ElementType::uint8:
            for (auto& value : input.bytes()) value = static_cast<std::byte>(next() >> 16);
    }
    return input;
}

}  // namespace

struct NetworkKernels::Impl {
    // Everything that a compiled convolution depends on; several convolutions of a network share one. Scales are part
    // of an int8 convolution: it is its own.
    using ConvolutionKey = std::tuple<std::string, int, int, int, int, int, int, int, int, ConvolutionAlgorithm,
                                      Destination, Activation, ElementType>;

    Network network;
    PackLayout layout;
    std::span<std::byte const> packed;
    PrimitiveFactory factory;
    std::map<ConvolutionKey, Primitive> convolutions;
    std::map<int, Primitive> max_pools, averages, to_first, to_last;  // by batch size: a network has one of each
    Buffer inner[2];                                                  // activations inside a block, in turn
    Buffer scratchpad;
    Observer observer;

    Impl(Network const& network_here, PackLayout layout_here, std::span<std::byte const> packed_here)
        : network(network_here), layout(std::move(layout_here)), packed(packed_here) {}

    bool quantised() const { return network.precision() == Precision::int8; }
    ElementType activations() const { return activation_type(network.precision()); }
    float scale(std::string const& tensor) const { return quantised() ? layout.scale(tensor) : 1; }

    // Where a convolution's result goes. tensor: its name (model/calibration.hpp).
    struct To {
        std::byte* memory;
        ElementType type;
        std::string const& tensor;
        Destination destination = Destination::overwrite;
        Activation activation = Activation::relu;
        // With Destination::add, what lies there already.
        ElementType added_type = ElementType::float32;
        std::string const* added_tensor = nullptr;
    };

    Elements elements(Convolution const& c, To const& to) const {
        if (c.precision != Precision::int8) return {activation_type(c.precision), to.type, {}};
        auto const* units = reinterpret_cast<float const*>(packed.data() + layout.entry(c.name).scales);
        auto const source = c.name == network.blocks().front().path.front().name ? ElementType::int8 : activations();
        auto const added = to.added_tensor ? layout.scale(*to.added_tensor) : 1;
        return {source, to.type,      {units, static_cast<std::size_t>(c.out_channels)}, layout.scale(to.tensor),
                added,  to.added_type};
    }

    Primitive& convolution(Convolution const& c, int batch, To const& to) {
        auto const& format = layout.format(c.name);
        ConvolutionKey const key{c.precision == Precision::int8 ? c.name : "",
                                 c.in_channels,
                                 c.out_channels,
                                 c.in_height,
                                 c.in_width,
                                 c.kernel,
                                 c.stride,
                                 c.padding,
                                 batch,
                                 format.algorithm(),
                                 to.destination,
                                 to.activation,
                                 to.type};
        auto found = convolutions.find(key);
        if (found == convolutions.end())
            found =
                convolutions
                    .emplace(key, factory.convolution(c, batch, format, to.destination, to.activation, elements(c, to)))
                    .first;
        return found->second;
    }

    template <class Make>
    static Primitive& of_batch(std::map<int, Primitive>& made, int batch, Make make) {
        auto found = made.find(batch);
        if (found == made.end()) found = made.emplace(batch, make()).first;
        return found->second;
    }

    Primitive& max_pool(Block const& stem, int batch) {
        return of_batch(max_pools, batch, [&] {
            return factory.max_pool(output_shape(stem.path.front(), batch), batched(stem.output, batch), activations());
        });
    }

    Primitive& average(Block const& head, int batch) {
        return of_batch(averages, batch, [&] { return factory.global_average(batched(head.input, batch)); });
    }

    // The image, as the first convolution wants it.
    Primitive& enter(Block const& stem, int batch) {
        return of_batch(to_first, batch, [&] {
            return factory.conversion(batched(stem.input, batch), ElementType::float32,
                                      quantised() ? ElementType::int8 : activations(), scale("input"));
        });
    }

    // What the head gets, in float32.
    Primitive& leave(Block const& head, int batch) {
        return of_batch(to_last, batch, [&] {
            return factory.conversion(batched(head.input, batch), activations(), ElementType::float32,
                                      scale(output_tensor(network, BlockId(network.size() - 2))));
        });
    }

    std::byte* scratch(Primitive const& primitive) { return at_least(scratchpad, primitive.scratchpad_bytes()).data(); }

    std::byte* inner_for(std::size_t turn, std::size_t bytes) { return at_least(inner[turn % 2], bytes).data(); }

    void convolve(Convolution const& c, int batch, std::byte const* from, To const& to) {
        auto& primitive = convolution(c, batch, to);
        auto const entry = layout.entry(c.name);
        primitive.run({from, to.memory, packed.data() + entry.weights,
                       reinterpret_cast<float const*>(packed.data() + entry.bias), scratch(primitive)});
        if (observer) show(to.tensor, to.memory, output_shape(c, batch).elements());
    }

    void transform(Primitive& primitive, std::byte const* from, std::byte* to) {
        primitive.run({from, to, nullptr, nullptr, scratch(primitive)});
    }

    void show(std::string_view tensor, std::byte const* values, std::size_t count) const {
        observer(tensor, {reinterpret_cast<float const*>(values), count});
    }

    // F(x) up to its last convolution; what that one is to read.
    std::byte const* all_but_last(Block const& block, Tensor const& input) {
        auto const batch = input.shape().n;
        auto const* from = input.bytes().data();
        for (std::size_t i = 0; i + 1 < block.path.size(); ++i) {
            auto const& c = block.path[i];
            auto* to = inner_for(i, bytes_of(output_shape(c, batch), activations()));
            convolve(c, batch, from, {to, activations(), c.name});
            from = to;
        }
        return from;
    }

    // S(x) as it is to be added: a projection's values have a sign.
    ElementType shortcut_type(Block const& block) const {
        return block.projection && quantised() ? ElementType::int8 : activations();
    }

    Tensor shortcut(Block const& block, std::string const& output_name, Tensor input) {
        if (block.projection) {
            auto const batch = input.shape().n;
            Tensor output(batched(block.output, batch), shortcut_type(block));
            convolve(*block.projection, batch, input.bytes().data(),
                     {output.bytes().data(), output.type(), block.projection->name, Destination::overwrite,
                      Activation::none});
            return output;
        }
        if (block.shortcut != Shortcut::zero_pad) return input;
        auto output = zero_padded(block, input);
        if (quantised()) rescale(output, layout.input_scale(block.path.front().name), layout.scale(output_name));
        return output;
    }

    Tensor skip(Block const& block, std::string const& output_name, Tensor input) {
        if (block.projection) {
            auto const batch = input.shape().n;
            Tensor output(batched(block.output, batch), activations());
            convolve(*block.projection, batch, input.bytes().data(),
                     {output.bytes().data(), output.type(), output_name});
            return output;
        }
        auto output = shortcut(block, output_name, std::move(input));
        relu(output);
        return output;
    }

    Tensor full(Block const& block, std::string const& output_name, Tensor input) {
        auto const batch = input.shape().n;
        auto const* from = all_but_last(block, input);
        // The sum accumulates in the shortcut's memory, which is the input's own where that passes as it is.
        auto output = shortcut(block, output_name, std::move(input));
        auto const& added = block.projection ? block.projection->name : output_name;
        convolve(block.path.back(), batch, from,
                 {output.bytes().data(), activations(), output_name, Destination::add, Activation::relu, output.type(),
                  &added});
        auto const shape = output.shape();
        return Tensor(shape, activations(), output.release());
    }

    Tensor direct(Block const& block, std::string const& output_name, Tensor input) {
        auto const shape = batched(block.output, input.shape().n);
        auto const* from = all_but_last(block, input);
        auto output = shape == input.shape() ? std::move(input) : Tensor(shape, activations());
        convolve(block.path.back(), shape.n, from, {output.bytes().data(), activations(), output_name});
        return output;
    }

    Tensor stem(Block const& block, std::string const& output_name, Tensor const& input) {
        auto const& c = block.path.front();
        auto const shape = output_shape(c, input.shape().n);
        if (observer) show("input", input.bytes().data(), input.shape().elements());
        auto const* from = input.bytes().data();
        if (network.precision() != Precision::float32) {
            auto* entered = inner_for(1, bytes_of(input.shape(), activations()));
            transform(enter(block, shape.n), from, entered);
            from = entered;
        }
        Tensor output(batched(block.output, shape.n), activations());
        bool const pools = output.shape() != shape;
        auto* convolved = pools ? inner_for(0, bytes_of(shape, activations())) : output.bytes().data();
        convolve(c, shape.n, from, {convolved, activations(), output_name});
        if (pools) transform(max_pool(block, shape.n), convolved, output.bytes().data());
        return output;
    }

    Tensor head(Block const& block, Tensor const& input) {
        auto const batch = input.shape().n;
        auto const* from = input.bytes().data();
        if (input.type() != ElementType::float32) {
            auto* left = inner_for(1, bytes_of(input.shape(), ElementType::float32));
            transform(leave(block, batch), from, left);
            from = left;
        }
        auto* mean = inner_for(0, bytes_of({batch, 1, 1, block.input.c}, ElementType::float32));
        transform(average(block, batch), from, mean);
        Tensor output(batched(block.output, batch));
        auto const& c = block.path.front();
        convolve(c, batch, mean,
                 {output.bytes().data(), output.type(), c.name, Destination::overwrite, Activation::none});
        return output;
    }

    ElementType input_type(BlockId id) const {
        return id.index() == 0 ? ElementType::float32 : network.output_type(BlockId(id.index() - 1));
    }

    Tensor run(BlockId id, BlockMode mode, Tensor input) {
        auto const& block = network.block(id);
        SKIPSTONE_EXPECT(input.shape().n >= 1);
        SKIPSTONE_EXPECT(input.shape() == batched(block.input, input.shape().n));
        SKIPSTONE_EXPECT(input.type() == input_type(id));
        SKIPSTONE_EXPECT(block.is_residual() || mode == BlockMode::full);
        auto const output_name = output_tensor(network, id);
        if (block.role == Block::Role::stem) return stem(block, output_name, input);
        if (block.role == Block::Role::head) return head(block, input);
        switch (mode) {
            case BlockMode::full:
                return full(block, output_name, std::move(input));
            case BlockMode::skip:
                return skip(block, output_name, std::move(input));
            case BlockMode::direct:
                return direct(block, output_name, std::move(input));
        }
        contract_failed("precondition", "mode is a BlockMode", __FILE__, __LINE__);
    }

    // oneDNN's kernels that full mode needs for one image, each with its convolution's name.
    std::vector<std::pair<std::string, std::string>> implementations(BlockId id) {
        std::vector<std::pair<std::string, std::string>> all;
        auto const& block = network.block(id);
        auto const output_name = output_tensor(network, id);
        auto const add = [&](std::string const& name, Primitive const& primitive) {
            all.emplace_back(name, primitive.implementation());
        };
        bool const converts = network.precision() != Precision::float32;
        if (block.role == Block::Role::stem && converts) add("conversion", enter(block, 1));
        if (block.role == Block::Role::head) {
            if (converts) add("conversion", leave(block, 1));
            add("average pool", average(block, 1));
            auto const& c = block.path.front();
            add(c.name,
                convolution(c, 1, {nullptr, ElementType::float32, c.name, Destination::overwrite, Activation::none}));
            return all;
        }
        for (auto const& c : block.path) {
            bool const last = &c == &block.path.back();
            To to{nullptr, activations(), last ? output_name : c.name};
            if (block.is_residual() && last) {
                to.destination = Destination::add;
                to.added_type = shortcut_type(block);
                to.added_tensor = block.projection ? &block.projection->name : &output_name;
            }
            add(c.name, convolution(c, 1, to));
        }
        if (block.projection) {
            auto const& c = *block.projection;
            add(c.name,
                convolution(c, 1, {nullptr, shortcut_type(block), c.name, Destination::overwrite, Activation::none}));
        }
        if (block.role == Block::Role::stem && output_shape(block.path.front(), 1) != block.output)
            add("max pool", max_pool(block, 1));
        return all;
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
    return impl_->run(block, mode, std::move(input));
}

void NetworkKernels::warm_up(BlockId block, int batch) {
    auto const& b = impl_->network.block(block);
    auto const sample = [&] { return sample_input(batched(b.input, batch), impl_->input_type(block)); };
    impl_->run(block, BlockMode::full, sample());
    if (b.is_residual()) impl_->run(block, BlockMode::skip, sample());
}

void NetworkKernels::observe(Observer observer) {
    SKIPSTONE_EXPECT(impl_->network.precision() == Precision::float32);
    impl_->observer = std::move(observer);
}

Seconds NetworkKernels::measure(BlockId block, int batch, int repetitions) {
    SKIPSTONE_EXPECT(repetitions >= 1);
    warm_up(block, batch);
    using Clock = std::chrono::steady_clock;
    auto const& b = impl_->network.block(block);
    auto const input = sample_input(batched(b.input, batch), impl_->input_type(block));
    std::vector<double> seconds;
    for (int i = 0; i < repetitions; ++i) {
        auto taken = input.clone();
        auto const begin = Clock::now();
        auto const output = impl_->run(block, BlockMode::full, std::move(taken));
        seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    auto const middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::ranges::nth_element(seconds, middle);
    return Seconds(*middle);
}

std::string NetworkKernels::implementation(BlockId block) {
    std::string text;
    for (auto const& [name, implementation] : impl_->implementations(block))
        text += (text.empty() ? "" : "; ") + name + ": " + implementation;
    return text;
}

}  // namespace skipstone::kernels
