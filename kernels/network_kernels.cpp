#include "kernels/network_kernels.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/lowering.hpp"
#include "kernels/primitives.hpp"
#include "units/buffer.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

TensorShape batched(TensorShape one, int batch) {
    return {batch, one.h, one.w, one.c};
}

Buffer& at_least(Buffer& buffer, std::size_t bytes) {
    if (buffer.size() < bytes) buffer = Buffer(bytes);
    return buffer;
}

void rectify(std::span<std::byte> bytes, ElementType type) {
    if (type == ElementType::float32) {
        auto* values = reinterpret_cast<float*>(bytes.data());
        for (std::size_t i = 0; i < bytes.size() / sizeof *values; ++i) values[i] = values[i] > 0 ? values[i] : 0;
    }
    if (type == ElementType::bfloat16) {
        auto* words = reinterpret_cast<std::uint16_t*>(bytes.data());
        for (std::size_t i = 0; i < bytes.size() / sizeof *words; ++i) words[i] = (words[i] & 0x8000U) ? 0 : words[i];
    }
}

// op::Subsample of elements of `size` bytes.
void subsample(TensorShape in, std::byte const* source, TensorShape out, std::byte* destination, int stride,
               std::ptrdiff_t size) {
    auto const before = size * ((out.c - in.c) / 2), behind = size * (out.c - in.c) - before;
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
}

// 8-bit values without a sign, in units of `to` instead of units of `from`.
void rescale(std::span<std::byte> values, float from, float to) {
    if (from == to) return;
    std::array<std::byte, 256> table;
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = static_cast<std::byte>(std::min(255.0F, std::nearbyint(static_cast<float>(i) * (from / to))));
    for (auto& value : values) value = table[static_cast<std::size_t>(value)];
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

// Everything that a compiled convolution depends on; several convolutions of a network share one. Scales are part of an
// int8 convolution: it is its own.
struct ConvolutionKey {
    ConvolutionShape shape;
    std::string own;
    int batch = 0;
    ConvolutionAlgorithm algorithm = ConvolutionAlgorithm::direct;
    Destination destination = Destination::overwrite;
    Activation activation = Activation::none;
    ElementType gives = ElementType::float32;

    auto operator<=>(ConvolutionKey const&) const = default;
};

// Where a step's tensor lies: in the block's input, in its output, or in a buffer inside the block.
struct Place {
    enum class Where { input, output, inner } where = Where::inner;
    std::size_t buffer = 0;

    bool operator==(Place const&) const = default;
};

// Where each step of a block puts what it gives.
std::vector<Place> places_of(std::vector<Step> const& steps, Value const& input, std::vector<std::size_t> const& sizes,
                             std::size_t input_size) {
    auto const last_read = [&](Value const& value) {
        std::size_t last = 0;
        for (std::size_t i = 0; i < steps.size(); ++i)
            if (steps[i].reads == value || steps[i].added == value) last = i;
        return last;
    };
    auto const given_by = [&](Value const& value) {
        return std::ranges::find(steps, value, &Step::gives) - steps.begin();
    };
    // What a step writes over: what it adds to, and what it rectifies.
    auto const written_over = [&](std::size_t i) -> std::optional<Value> {
        return steps[i].kind == Step::Kind::rectify ? std::optional(steps[i].reads) : steps[i].added;
    };

    std::vector<std::optional<Place>> places(steps.size());
    // The output, back to the first tensor that lies where it will be.
    auto i = steps.size() - 1;
    std::vector<std::size_t> chain{i};
    std::optional<Place> of_chain;
    while (auto const value = written_over(i)) {
        SKIPSTONE_ENSURE(last_read(*value) == i);
        if (*value == input) {
            of_chain = Place{Place::Where::input};
            break;
        }
        i = static_cast<std::size_t>(given_by(*value));
        chain.push_back(i);
    }
    if (!of_chain) {
        bool const input_is_free = last_read(input) < i && sizes[i] == input_size;
        of_chain = Place{input_is_free ? Place::Where::input : Place::Where::output};
    }
    for (auto const step : chain) places[step] = of_chain;

    std::vector<std::size_t> free_behind;  // by buffer: the last step that reads it
    for (std::size_t step = 0; step < steps.size(); ++step) {
        if (places[step]) continue;
        if (auto const value = written_over(step)) {
            SKIPSTONE_ENSURE(*value != input && last_read(*value) == step);
            places[step] = places[static_cast<std::size_t>(given_by(*value))];
            free_behind[places[step]->buffer] = last_read(steps[step].gives);
            continue;
        }
        auto const buffer = static_cast<std::size_t>(
            std::ranges::find_if(free_behind, [&](std::size_t last) { return last < step; }) - free_behind.begin());
        if (buffer == free_behind.size()) free_behind.emplace_back();
        free_behind[buffer] = last_read(steps[step].gives);
        places[step] = Place{Place::Where::inner, buffer};
    }
    std::vector<Place> all;
    for (auto const& place : places) all.push_back(*place);
    return all;
}

}  // namespace

struct NetworkKernels::Impl {
    // A step with its kernel.
    struct CompiledStep {
        Step step;
        Primitive* primitive = nullptr;  // none: subsample, rectify
        Place from, to;
        std::size_t bytes = 0;  // of what it gives
        PackLayout::Entry weights;
        std::string range;                 // the calibrated tensor that it gives (model/calibration.hpp)
        float reads_scale = 1, scale = 1;  // int8 only: what a unit of each is worth
    };
    // A block in one mode for one batch size.
    struct Program {
        std::vector<CompiledStep> steps;
        std::vector<Primitive> own;  // of steps that are no convolutions
        std::vector<std::size_t> inner_bytes;
        bool ends_in_input = false;
    };

    Network network;
    PackLayout layout;
    std::span<std::byte const> packed;
    PrimitiveFactory factory;
    std::map<ConvolutionKey, Primitive> convolutions;
    std::map<std::tuple<BlockId, BlockMode, int>, Program> programs;
    std::vector<Buffer> inner;  // activations inside a block
    Buffer scratchpad;
    Observer observer;

    Impl(Network const& network_here, PackLayout layout_here, std::span<std::byte const> packed_here)
        : network(network_here), layout(std::move(layout_here)), packed(packed_here) {}

    bool quantised() const { return network.precision() == Precision::int8; }

    TensorShape shape_of(Value const& value, int batch) const {
        return batched(network.graph().at(value.tensor).shape, batch);
    }

    float scale_of(Value const& value) const {
        return quantised() && size_of(value.type) == 1 ? layout.scale(range_name(network, value.tensor)) : 1;
    }

    Elements elements(Step const& step, CompiledStep const& compiled) const {
        auto const& c = *step.convolution;
        if (c.precision != Precision::int8) return {step.reads.type, step.gives.type, {}};
        auto const* units = reinterpret_cast<float const*>(packed.data() + compiled.weights.scales);
        Elements all{
            step.reads.type, step.gives.type, {units, static_cast<std::size_t>(c.out_channels)}, compiled.scale};
        if (step.added) {
            all.added = scale_of(*step.added);
            all.added_type = step.added->type;
        }
        return all;
    }

    Primitive& convolution(Step const& step, CompiledStep const& compiled, int batch) {
        auto const& c = *step.convolution;
        auto const& format = layout.format(c.name);
        ConvolutionKey const key{c,
                                 c.precision == Precision::int8 ? c.name : "",
                                 batch,
                                 format.algorithm(),
                                 step.added ? Destination::add : Destination::overwrite,
                                 step.rectifies ? Activation::relu : Activation::none,
                                 step.gives.type};
        auto found = convolutions.find(key);
        if (found == convolutions.end())
            found = convolutions
                        .emplace(key, factory.convolution(c, batch, format, key.destination, key.activation,
                                                          elements(step, compiled)))
                        .first;
        return found->second;
    }

    // The kernel of a step that is no convolution, if it needs one.
    std::optional<Primitive> transformation(Step const& step, int batch) const {
        auto const in = shape_of(step.reads, batch), out = shape_of(step.gives, batch);
        switch (step.kind) {
            case Step::Kind::max_pool:
                return factory.max_pool(in, out, operator_of(step).as<op::MaxPool>()->window, step.gives.type);
            case Step::Kind::global_average:
                return factory.global_average(in);
            case Step::Kind::convert:
                return factory.conversion(in, step.reads.type, step.gives.type,
                                          scale_of(step.reads) * scale_of(step.gives));
            case Step::Kind::convolution:
            case Step::Kind::subsample:
            case Step::Kind::rectify:
                break;
        }
        return std::nullopt;
    }

    Operator const& operator_of(Step const& step) const {
        return network.graph().at(network.graph().source(step.gives.tensor));
    }

    Program compile(BlockId id, BlockMode mode, int batch) {
        auto const steps = lower(network, id, mode);
        auto const input = input_of(network, id);
        std::vector<std::size_t> sizes;
        for (auto const& step : steps)
            sizes.push_back(shape_of(step.gives, batch).elements() * size_of(step.gives.type));
        auto const places = places_of(steps, input, sizes, shape_of(input, batch).elements() * size_of(input.type));
        Program program;
        program.ends_in_input = places.back() == Place{Place::Where::input};
        program.own.reserve(steps.size());
        for (std::size_t i = 0; i < steps.size(); ++i) {
            auto const& step = steps[i];
            CompiledStep compiled{step, nullptr, Place{Place::Where::input}, places[i], sizes[i], {}, {}};
            if (step.reads != input)
                compiled.from = places[static_cast<std::size_t>(std::ranges::find(steps, step.reads, &Step::gives) -
                                                                steps.begin())];
            compiled.range = range_name(network, step.gives.tensor);
            compiled.reads_scale = scale_of(step.reads);
            compiled.scale = scale_of(step.gives);
            if (step.kind == Step::Kind::convolution) {
                compiled.weights = layout.entry(step.convolution->name);
                compiled.primitive = &convolution(step, compiled, batch);
            } else if (auto made = transformation(step, batch)) {
                compiled.primitive = &program.own.emplace_back(std::move(*made));
            }
            if (places[i].where == Place::Where::inner) {
                if (program.inner_bytes.size() <= places[i].buffer) program.inner_bytes.resize(places[i].buffer + 1);
                auto& bytes = program.inner_bytes[places[i].buffer];
                bytes = std::max(bytes, sizes[i]);
            }
            program.steps.push_back(std::move(compiled));
        }
        return program;
    }

    Program& program(BlockId id, BlockMode mode, int batch) {
        std::tuple const key{id, mode, batch};
        auto found = programs.find(key);
        if (found == programs.end()) found = programs.emplace(key, compile(id, mode, batch)).first;
        return found->second;
    }

    void show(std::string_view tensor, std::byte const* values, std::size_t bytes) const {
        observer(tensor, {reinterpret_cast<float const*>(values), bytes / sizeof(float)});
    }

    void execute(CompiledStep& compiled, int batch, std::byte const* from, std::byte* to) {
        auto const& step = compiled.step;
        if (compiled.primitive) {
            auto* scratch = at_least(scratchpad, compiled.primitive->scratchpad_bytes()).data();
            if (step.kind == Step::Kind::convolution)
                compiled.primitive->run({from, to, packed.data() + compiled.weights.weights,
                                         reinterpret_cast<float const*>(packed.data() + compiled.weights.bias),
                                         scratch});
            else
                compiled.primitive->run({from, to, nullptr, nullptr, scratch});
        } else if (step.kind == Step::Kind::rectify) {
            rectify({to, compiled.bytes}, step.gives.type);
        } else {
            subsample(shape_of(step.reads, batch), from, shape_of(step.gives, batch), to,
                      operator_of(step).as<op::Subsample>()->stride,
                      static_cast<std::ptrdiff_t>(size_of(step.gives.type)));
            if (step.gives.type == ElementType::uint8)
                rescale({to, compiled.bytes}, compiled.reads_scale, compiled.scale);
        }
        if (observer && step.kind == Step::Kind::convolution) show(compiled.range, to, compiled.bytes);
    }

    Tensor run(BlockId id, BlockMode mode, Tensor input) {
        auto const& block = network.block(id);
        int const batch = input.shape().n;
        SKIPSTONE_EXPECT(batch >= 1);
        SKIPSTONE_EXPECT(input.shape() == batched(block.input, batch));
        SKIPSTONE_EXPECT(input.type() == input_of(network, id).type);
        SKIPSTONE_EXPECT(block.is_droppable() || mode == BlockMode::full);
        auto& steps = program(id, mode, batch);
        if (inner.size() < steps.inner_bytes.size()) inner.resize(steps.inner_bytes.size());
        for (std::size_t i = 0; i < steps.inner_bytes.size(); ++i) at_least(inner[i], steps.inner_bytes[i]);
        if (observer && id.index() == 0) show("input", input.bytes().data(), input.bytes().size());
        auto const shape = batched(block.output, batch);
        auto const type = network.output_type(id);
        auto output = steps.ends_in_input ? Tensor() : Tensor(shape, type);
        auto const at = [&](Place const& place) {
            return place.where == Place::Where::inner
                       ? inner[place.buffer].data()
                       : (place.where == Place::Where::input ? input : output).bytes().data();
        };
        for (auto& step : steps.steps) execute(step, batch, at(step.from), at(step.to));
        return steps.ends_in_input ? Tensor(shape, type, input.release()) : std::move(output);
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
    auto const sample = [&] { return sample_input(batched(b.input, batch), input_of(impl_->network, block).type); };
    impl_->run(block, BlockMode::full, sample());
    if (b.is_droppable()) impl_->run(block, BlockMode::skip, sample());
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
    auto const input = sample_input(batched(b.input, batch), input_of(impl_->network, block).type);
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
    for (auto const& step : impl_->program(block, BlockMode::full, 1).steps)
        if (step.primitive)
            text += (text.empty() ? "" : "; ") + step.step.name + ": " + step.primitive->implementation();
    return text;
}

}  // namespace skipstone::kernels
