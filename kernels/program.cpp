#include "kernels/program.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

Buffer& at_least(Buffer& buffer, std::size_t bytes) {
    if (buffer.size() < bytes) buffer = Buffer(bytes);
    return buffer;
}

}  // namespace

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

class Program::Compiler {
  public:
    Compiler(Piece const& piece, int batch, Packed const& packed, PrimitiveFactory const& factory,
             CompiledConvolutions& convolutions, Ranges const* shown)
        : piece_(piece),
          graph_(piece.graph()),
          batch_(batch),
          packed_(packed),
          factory_(factory),
          convolutions_(convolutions),
          shown_(shown) {}

    void compile(Program& program, BlockMode mode) {
        auto const steps = lower(piece_, mode);
        if (steps.empty()) return;
        auto const input = input_of(piece_);
        std::vector<std::size_t> sizes;
        for (auto const& step : steps) sizes.push_back(bytes_of(step.gives));
        auto const places = places_of(steps, input, sizes, bytes_of(input));
        auto const place_of = [&](Value const& value) {
            if (value == input) return Place{Place::Where::input};
            return places[static_cast<std::size_t>(std::ranges::find(steps, value, &Step::gives) - steps.begin())];
        };
        program.ends_in_input_ = places.back() == Place{Place::Where::input};
        program.own_.reserve(steps.size());
        for (std::size_t i = 0; i < steps.size(); ++i) {
            CompiledStep compiled{steps[i], nullptr, {}, {}, places[i], sizes[i], nullptr, nullptr, {}};
            for (auto const& value : steps[i].reads) compiled.from.push_back(place_of(value));
            if (shown_ && is_shown(steps[i])) compiled.shown = shown_->name(steps[i].gives.tensor);
            if (steps[i].kind == Step::Kind::convolution) {
                auto const entry = take_weights(compiled, steps[i].convolution->name);
                compiled.primitive = &convolution(steps[i], entry);
            } else {
                prepare(compiled, program.own_);
            }
            if (places[i].where == Place::Where::inner) {
                if (program.inner_bytes_.size() <= places[i].buffer) program.inner_bytes_.resize(places[i].buffer + 1);
                auto& bytes = program.inner_bytes_[places[i].buffer];
                bytes = std::max(bytes, sizes[i]);
            }
            program.steps_.push_back(std::move(compiled));
        }
    }

  private:
    TensorShape shape_of(Value const& value) const { return batched(graph_.at(value.tensor).shape, batch_); }

    std::size_t bytes_of(Value const& value) const { return shape_of(value).elements() * size_of(value.type); }

    float scale_of(Value const& value) const { return value.range ? packed_.layout.scale(value.range, value.type) : 1; }

    PackLayout::Entry take_weights(CompiledStep& compiled, std::string_view name) const {
        auto const entry = packed_.layout.entry(name);
        compiled.weights = packed_.memory.data() + entry.weights;
        compiled.bias = reinterpret_cast<float const*>(packed_.memory.data() + entry.bias);
        return entry;
    }

    Elements elements(Step const& step, PackLayout::Entry const& entry) const {
        auto const& c = *step.convolution;
        if (c.precision != Precision::int8) return {step.reads.front().type, step.gives.type, {}};
        auto const* units = reinterpret_cast<float const*>(packed_.memory.data() + entry.scales);
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

    Primitive& convolution(Step const& step, PackLayout::Entry const& entry) {
        auto const& c = *step.convolution;
        auto const& format = packed_.layout.format(c.name);
        ConvolutionKey const key{c,
                                 c.precision == Precision::int8 ? c.name : "",
                                 batch_,
                                 format.algorithm(),
                                 step.added ? Destination::add : Destination::overwrite,
                                 step.activation,
                                 step.gives.type};
        auto found = convolutions_.find(key);
        if (found == convolutions_.end())
            found = convolutions_
                        .emplace(key, factory_.convolution(c, batch_, format, key.destination, key.activation,
                                                           elements(step, entry)))
                        .first;
        return found->second;
    }

    // The kernel of an operator that has no loop.
    Primitive kernel(Step const& step) const {
        auto const in = shape_of(step.reads.front()), out = shape_of(step.gives);
        auto const type = step.gives.type;
        auto const& op = graph_.at(step.op);
        using enum PrimitiveFactory::Pool;
        if (auto const* pool = op.as<op::MaxPool>()) return factory_.pool(maximum, in, out, pool->window, type);
        if (auto const* pool = op.as<op::AveragePool>())
            return factory_.pool(pool->counts_padding ? average_with_padding : average, in, out, pool->window, type);
        if (op.as<op::GlobalAverage>()) return factory_.pool(average, in, out, {{in.h, in.w}, {}, {}}, type);
        if (op.as<op::Softmax>()) return factory_.softmax(in);
        if (auto const* norm = op.as<op::ResponseNorm>()) return factory_.response_norm(in, *norm);
        auto const function = pointwise_of(op);
        SKIPSTONE_ENSURE(function.has_value());
        return factory_.pointwise(in, *function, type);
    }

    // A step that is no convolution: its kernel, which is kept in `own`, or its loop.
    void prepare(CompiledStep& compiled, std::vector<Primitive>& own) const {
        auto const& step = compiled.step;
        auto const& from = step.reads.front();
        auto const& to = step.gives;
        auto const shape = shape_of(to);
        auto const side = [&](Value const& value) { return PrimitiveFactory::Side{value.type, scale_of(value)}; };
        auto const use = [&](Primitive made) { compiled.primitive = &own.emplace_back(std::move(made)); };
        auto const copy = [bytes = compiled.bytes](Operands const& o) {
            if (o.to != o.from[0]) std::memcpy(o.to, o.from[0], bytes);
        };
        switch (step.kind) {
            case Step::Kind::convolution:
                break;
            case Step::Kind::operation: {
                auto const& op = graph_.at(step.op);
                if (!has_loop(op.operation)) return use(kernel(step));
                std::vector<TensorShape> inputs;
                for (auto const& value : step.reads) inputs.push_back(shape_of(value));
                compiled.loop = loop_of(op.operation, inputs, shape, to.type, scale_of(to));
                if (packed_.layout.has(op.name)) take_weights(compiled, op.name);
                return;
            }
            case Step::Kind::sum:
                return use(factory_.sum(shape, side(from), side(step.reads[1]), side(to), step.activation));
            case Step::Kind::convert:
                if (from.type == to.type && scale_of(from) == scale_of(to) &&
                    (!step.activation || (step.activation->is_relu() && to.type == ElementType::uint8)))
                    compiled.loop = copy;
                else if (size_of(from.type) == 1 && size_of(to.type) == 1)
                    compiled.loop =
                        table_of(from.type, scale_of(from), to.type, scale_of(to), step.activation, shape.elements());
                else
                    use(factory_.conversion(shape, from.type, to.type, scale_of(from) * scale_of(to)));
                return;
            case Step::Kind::copy:
                compiled.loop = copy;
        }
    }

    // Where values come to be: what only moves or converts them shows nothing new.
    bool is_shown(Step const& step) const {
        if (step.kind != Step::Kind::operation)
            return step.kind != Step::Kind::convert && step.kind != Step::Kind::copy;
        auto const& op = graph_.at(step.op);
        return !only_moves(op.operation) && !op.as<op::MaxPool>() && !op.as<op::AveragePool>();
    }

    Piece const& piece_;
    Graph const& graph_;
    int batch_;
    Packed const& packed_;
    PrimitiveFactory const& factory_;
    CompiledConvolutions& convolutions_;
    Ranges const* shown_;
};

Program::Program(Piece const& piece, BlockMode mode, int batch, Packed const& packed, PrimitiveFactory const& factory,
                 CompiledConvolutions& convolutions, Ranges const* shown)
    : output_(batched(piece.graph().at(piece.gives()).shape, batch)), type_(piece.output_type()) {
    Compiler(piece, batch, packed, factory, convolutions, shown).compile(*this, mode);
}

void Program::execute(CompiledStep& compiled, std::span<std::byte const* const> from, std::byte* to,
                      Workspace& workspace, Observer const& observer) {
    if (compiled.primitive) {
        auto* scratch = at_least(workspace.scratchpad, compiled.primitive->scratchpad_bytes()).data();
        compiled.primitive->run(
            {from[0], from.size() > 1 ? from[1] : nullptr, to, compiled.weights, compiled.bias, scratch});
    } else {
        compiled.loop({from, to, reinterpret_cast<float const*>(compiled.weights), compiled.bias});
    }
    if (observer && !compiled.shown.empty())
        observer(compiled.shown, {reinterpret_cast<float const*>(to), compiled.bytes / sizeof(float)});
}

Tensor Program::run(Tensor input, Workspace& workspace, Observer const& observer) {
    auto& inner = workspace.inner;
    if (inner.size() < inner_bytes_.size()) inner.resize(inner_bytes_.size());
    for (std::size_t i = 0; i < inner_bytes_.size(); ++i) at_least(inner[i], inner_bytes_[i]);
    auto output = ends_in_input_ ? Tensor() : Tensor(output_, type_);
    auto const at = [&](Place const& place) {
        return place.where == Place::Where::inner
                   ? inner[place.buffer].data()
                   : (place.where == Place::Where::input ? input : output).bytes().data();
    };
    std::vector<std::byte const*> from;
    for (auto& step : steps_) {
        from.clear();
        for (auto const& place : step.from) from.push_back(at(place));
        execute(step, from, at(step.to), workspace, observer);
    }
    return ends_in_input_ ? Tensor(output_, type_, input.release()) : std::move(output);
}

std::string Program::implementation() const {
    std::string text;
    for (auto const& step : steps_)
        if (step.primitive)
            text += (text.empty() ? "" : "; ") + step.step.name + ": " + step.primitive->implementation();
    return text;
}

}  // namespace skipstone::kernels
