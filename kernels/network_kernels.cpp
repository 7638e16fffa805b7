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

#include "kernels/loops.hpp"
#include "kernels/lowering.hpp"
#include "kernels/placement.hpp"
#include "kernels/primitives.hpp"
#include "model/calibration.hpp"
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
    Activation activation;
    ElementType gives = ElementType::float32;

    auto operator<=>(ConvolutionKey const&) const = default;
};

}  // namespace

struct NetworkKernels::Impl {
    // A step with its kernel.
    struct CompiledStep {
        Step step;
        Primitive* primitive = nullptr;  // none: a loop, or nothing
        Loop loop;
        std::vector<Place> from;
        Place to;
        std::size_t bytes = 0;  // of what it gives
        PackLayout::Entry weights;
        std::string shown;  // to an observer: the name of the range of what it gives; empty: not shown
    };
    // A block in one mode for one batch size.
    struct Program {
        std::vector<CompiledStep> steps;
        std::vector<Primitive> own;  // of steps that are no convolutions
        std::vector<std::size_t> inner_bytes;
        bool ends_in_input = true;
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
    std::optional<Ranges> ranges;  // of what an observer is shown

    Impl(Network const& network_here, PackLayout layout_here, std::span<std::byte const> packed_here)
        : network(network_here), layout(std::move(layout_here)), packed(packed_here) {}

    TensorShape shape_of(Value const& value, int batch) const {
        return batched(network.graph().at(value.tensor).shape, batch);
    }

    std::size_t bytes_of(Value const& value, int batch) const {
        return shape_of(value, batch).elements() * size_of(value.type);
    }

    float scale_of(Value const& value) const { return value.range ? layout.scale(value.range, value.type) : 1; }

    Elements elements(Step const& step, CompiledStep const& compiled) const {
        auto const& c = *step.convolution;
        if (c.precision != Precision::int8) return {step.reads.front().type, step.gives.type, {}};
        auto const* units = reinterpret_cast<float const*>(packed.data() + compiled.weights.scales);
        Elements all{step.reads.front().type,
                     step.gives.type,
                     {units, static_cast<std::size_t>(c.out_channels)},
                     scale_of(step.gives)};
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
                                 step.activation,
                                 step.gives.type};
        auto found = convolutions.find(key);
        if (found == convolutions.end())
            found = convolutions
                        .emplace(key, factory.convolution(c, batch, format, key.destination, key.activation,
                                                          elements(step, compiled)))
                        .first;
        return found->second;
    }

    // The kernel of an operator that has no loop.
    Primitive kernel(Step const& step, int batch) const {
        auto const in = shape_of(step.reads.front(), batch), out = shape_of(step.gives, batch);
        auto const type = step.gives.type;
        auto const& op = network.graph().at(step.op);
        using enum PrimitiveFactory::Pool;
        if (auto const* pool = op.as<op::MaxPool>()) return factory.pool(maximum, in, out, pool->window, type);
        if (auto const* pool = op.as<op::AveragePool>())
            return factory.pool(pool->counts_padding ? average_with_padding : average, in, out, pool->window, type);
        if (op.as<op::GlobalAverage>()) return factory.pool(average, in, out, {{in.h, in.w}, {}, {}}, type);
        if (op.as<op::Softmax>()) return factory.softmax(in);
        if (auto const* norm = op.as<op::ResponseNorm>()) return factory.response_norm(in, *norm);
        auto const function = pointwise_of(op);
        SKIPSTONE_ENSURE(function.has_value());
        return factory.pointwise(in, *function, type);
    }

    // A step that is no convolution: its kernel, which is kept in `own`, or its loop.
    void prepare(CompiledStep& compiled, int batch, std::vector<Primitive>& own) {
        auto const& step = compiled.step;
        auto const& from = step.reads.front();
        auto const& to = step.gives;
        auto const shape = shape_of(to, batch);
        auto const side = [&](Value const& value) { return PrimitiveFactory::Side{value.type, scale_of(value)}; };
        auto const use = [&](Primitive made) { compiled.primitive = &own.emplace_back(std::move(made)); };
        auto const copy = [bytes = compiled.bytes](Operands const& o) {
            if (o.to != o.from[0]) std::memcpy(o.to, o.from[0], bytes);
        };
        switch (step.kind) {
            case Step::Kind::convolution:
                break;
            case Step::Kind::operation: {
                auto const& op = network.graph().at(step.op);
                if (!has_loop(op.operation)) return use(kernel(step, batch));
                std::vector<TensorShape> inputs;
                for (auto const& value : step.reads) inputs.push_back(shape_of(value, batch));
                compiled.loop = loop_of(op.operation, inputs, shape, to.type, scale_of(to));
                if (layout.has(op.name)) compiled.weights = layout.entry(op.name);
                return;
            }
            case Step::Kind::sum:
                return use(factory.sum(shape, side(from), side(step.reads[1]), side(to), step.activation));
            case Step::Kind::convert:
                if (from.type == to.type && scale_of(from) == scale_of(to) &&
                    (!step.activation || (step.activation->is_relu() && to.type == ElementType::uint8)))
                    compiled.loop = copy;
                else if (size_of(from.type) == 1 && size_of(to.type) == 1)
                    compiled.loop =
                        table_of(from.type, scale_of(from), to.type, scale_of(to), step.activation, shape.elements());
                else
                    use(factory.conversion(shape, from.type, to.type, scale_of(from) * scale_of(to)));
                return;
            case Step::Kind::copy:
                compiled.loop = copy;
        }
    }

    // Where values come to be: what only moves or converts them shows nothing new.
    bool is_shown(Step const& step) const {
        if (step.kind != Step::Kind::operation)
            return step.kind != Step::Kind::convert && step.kind != Step::Kind::copy;
        auto const& op = network.graph().at(step.op);
        return !only_moves(op.operation) && !op.as<op::MaxPool>() && !op.as<op::AveragePool>();
    }

    Program compile(BlockId id, BlockMode mode, int batch) {
        auto const steps = lower(network, id, mode);
        Program program;
        if (steps.empty()) return program;
        auto const input = input_of(network, id);
        std::vector<std::size_t> sizes;
        for (auto const& step : steps) sizes.push_back(bytes_of(step.gives, batch));
        auto const places = places_of(steps, input, sizes, bytes_of(input, batch));
        auto const place_of = [&](Value const& value) {
            if (value == input) return Place{Place::Where::input};
            return places[static_cast<std::size_t>(std::ranges::find(steps, value, &Step::gives) - steps.begin())];
        };
        program.ends_in_input = places.back() == Place{Place::Where::input};
        program.own.reserve(steps.size());
        for (std::size_t i = 0; i < steps.size(); ++i) {
            CompiledStep compiled{steps[i], nullptr, {}, {}, places[i], sizes[i], {}, {}};
            for (auto const& value : steps[i].reads) compiled.from.push_back(place_of(value));
            if (ranges && is_shown(steps[i])) compiled.shown = ranges->name(steps[i].gives.tensor);
            if (steps[i].kind == Step::Kind::convolution) {
                compiled.weights = layout.entry(steps[i].convolution->name);
                compiled.primitive = &convolution(steps[i], compiled, batch);
            } else {
                prepare(compiled, batch, program.own);
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

    void execute(CompiledStep& compiled, std::span<std::byte const* const> from, std::byte* to) {
        auto const* weights = packed.data() + compiled.weights.weights;
        auto const* bias = reinterpret_cast<float const*>(packed.data() + compiled.weights.bias);
        if (compiled.primitive) {
            auto* scratch = at_least(scratchpad, compiled.primitive->scratchpad_bytes()).data();
            compiled.primitive->run({from[0], from.size() > 1 ? from[1] : nullptr, to, weights, bias, scratch});
        } else {
            compiled.loop({from, to, reinterpret_cast<float const*>(weights), bias});
        }
        if (observer && !compiled.shown.empty()) show(compiled.shown, to, compiled.bytes);
    }

    Tensor run(BlockId id, BlockMode mode, Tensor input) {
        auto const& block = network.block(id);
        int const batch = input.shape().n;
        SKIPSTONE_EXPECT(batch >= 1);
        SKIPSTONE_EXPECT(input.shape() == batched(block.input, batch));
        SKIPSTONE_EXPECT(input.type() == input_type(id));
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
        std::vector<std::byte const*> from;
        for (auto& step : steps.steps) {
            from.clear();
            for (auto const& place : step.from) from.push_back(at(place));
            execute(step, from, at(step.to));
        }
        return steps.ends_in_input ? Tensor(shape, type, input.release()) : std::move(output);
    }

    ElementType input_type(BlockId id) const {
        return id.index() == 0 ? ElementType::float32 : network.output_type(BlockId(id.index() - 1));
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
    if (b.is_droppable()) impl_->run(block, BlockMode::skip, sample());
}

void NetworkKernels::observe(Observer observer) {
    SKIPSTONE_EXPECT(impl_->network.precision() == Precision::float32);
    impl_->observer = std::move(observer);
    if (!impl_->observer || impl_->ranges) return;
    impl_->ranges.emplace(impl_->network);
    impl_->programs.clear();  // what they show is a part of them
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
    for (auto const& step : impl_->program(block, BlockMode::full, 1).steps)
        if (step.primitive)
            text += (text.empty() ? "" : "; ") + step.step.name + ": " + step.primitive->implementation();
    return text;
}

}  // namespace skipstone::kernels
