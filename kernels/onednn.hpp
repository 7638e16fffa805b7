#pragma once

#include <algorithm>
#include <dnnl.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/primitives.hpp"
#include "units/buffer.hpp"
#include "units/error.hpp"

// What the sources that call oneDNN share. oneDNN 3 dropped operation descriptors and the scale of post-op activations.
namespace skipstone::kernels {

using dnnl::memory;
using DataType = memory::data_type;
using Tag = memory::format_tag;

// Runs an action of oneDNN's and tells failures as ours.
template <class Action>
auto checked(std::string_view call, Action&& action) {
    try {
        return action();
    } catch (dnnl::error const& error) {
        throw EnvironmentError("oneDNN " + std::string(call), error.what());
    }
}

inline dnnl::engine host_engine() {
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
}

inline DataType data_type(ElementType type) {
    switch (type) {
        case ElementType::float32:
            return DataType::f32;
        case ElementType::bfloat16:
            return DataType::bf16;
        case ElementType::int8:
            return DataType::s8;
        case ElementType::uint8:
            return DataType::u8;
    }
    contract_failed("precondition", "type is an ElementType", __FILE__, __LINE__);
}

inline memory::desc activation_desc(TensorShape s, ElementType type, Tag tag = Tag::nhwc) {
    return {{s.n, s.c, s.h, s.w}, data_type(type), tag};
}

inline dnnl::primitive_attr plain_attributes() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
}

inline std::size_t aligned(std::size_t bytes) {
    return (bytes + Buffer::alignment - 1) / Buffer::alignment * Buffer::alignment;
}

// A memory object without memory yet; run() tells it where.
inline memory placeholder(memory::desc const& desc, dnnl::engine const& engine) {
    return {desc, engine, DNNL_MEMORY_NONE};
}

// Appends a function of real numbers; 8 bits: `unit` is what one unit of what comes out is worth (oneDNN 3 scales that
// itself), else 1.
void append(dnnl::post_ops& operations, Pointwise const& function, float unit);

struct PrimitiveFactory::Impl {
    dnnl::engine engine = host_engine();
    dnnl::stream stream{engine};
};

struct Primitive::Impl {
    virtual ~Impl() = default;
    virtual void run(Arguments const& with) = 0;
    virtual std::size_t scratchpad_bytes() const = 0;
    virtual std::string implementation() const = 0;
};

struct OneDnn : Primitive::Impl {
    // A convolution on channels in blocks of 16, between activations that are not: its source is reordered before, its
    // destination behind it (and before, where it adds to what is there).
    struct Blocked {
        memory source, destination;  // one image, as the convolution wants it; they lie in the scratchpad
        dnnl::reorder enter, load, leave;
        int images;
        bool adds;
    };

    dnnl::primitive primitive;
    dnnl::stream stream;
    memory source, destination, weights, bias, scratchpad;  // weights and bias: convolutions only
    memory second;                                          // sums only
    std::string name;
    std::unordered_map<int, memory> arguments;
    std::optional<Blocked> blocked;
    std::vector<std::vector<float>> scales;  // what arguments point to with oneDNN 3

    void add_scales(int argument, std::vector<float> values, dnnl::engine const& engine) {
        scales.push_back(std::move(values));
        auto const count = static_cast<memory::dim>(scales.back().size());
        arguments.emplace(argument,
                          memory({{count}, DataType::f32, Tag::x}, engine, static_cast<void*>(scales.back().data())));
    }

    template <class Desc>
    OneDnn(dnnl::primitive made, Desc const& desc, dnnl::engine const& engine, dnnl::stream stream_here)
        : primitive(std::move(made)),
          stream(std::move(stream_here)),
          source(placeholder(desc.src_desc(), engine)),
          destination(placeholder(desc.dst_desc(), engine)),
          scratchpad(placeholder(desc.scratchpad_desc(), engine)),
          name(desc.impl_info_str()),
          arguments{{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, destination}, {DNNL_ARG_SCRATCHPAD, scratchpad}} {}

    // source and destination, which the convolution reads and writes now, become plain ones of one image.
    void block(Convolution const& c, int images, Destination what, dnnl::engine const& engine) {
        auto inner_source = std::exchange(
            source,
            placeholder(activation_desc({1, c.in_height, c.in_width, c.in_channels}, ElementType::float32), engine));
        auto inner_destination = std::exchange(
            destination,
            placeholder(activation_desc({1, c.out_height, c.out_width, c.out_channels}, ElementType::float32), engine));
        dnnl::reorder const enter(source, inner_source), load(destination, inner_destination),
            leave(inner_destination, destination);
        blocked = Blocked{std::move(inner_source), std::move(inner_destination), enter, load, leave, images,
                          what == Destination::add};
    }

    std::string implementation() const override { return name; }

    std::size_t scratchpad_bytes() const override {
        auto const bytes = aligned(scratchpad.get_desc().get_size());
        if (!blocked) return bytes;
        return bytes + aligned(blocked->source.get_desc().get_size()) +
               aligned(blocked->destination.get_desc().get_size());
    }

    void run(Primitive::Arguments const& with) override {
        checked(name, [&] { execute(with); });
    }

    void execute(Primitive::Arguments const& with) {
        source.set_data_handle(const_cast<std::byte*>(with.source));
        destination.set_data_handle(with.destination);
        scratchpad.set_data_handle(with.scratchpad);
        if (weights) {
            weights.set_data_handle(const_cast<std::byte*>(with.weights));
            bias.set_data_handle(const_cast<float*>(with.bias));
        }
        if (second) second.set_data_handle(const_cast<std::byte*>(with.second));
        if (blocked)
            execute_blocked(with);
        else
            primitive.execute(stream, arguments);
        stream.wait();
    }

    void execute_blocked(Primitive::Arguments const& with) {
        auto& [inner_source, inner_destination, enter, load, leave, images, adds] = *blocked;
        auto* const first = with.scratchpad + aligned(scratchpad.get_desc().get_size());
        inner_source.set_data_handle(first);
        inner_destination.set_data_handle(first + aligned(inner_source.get_desc().get_size()));
        auto const step_in = source.get_desc().get_size();
        auto const step_out = destination.get_desc().get_size();
        for (std::size_t image = 0; image < static_cast<std::size_t>(images); ++image) {
            source.set_data_handle(const_cast<std::byte*>(with.source + image * step_in));
            destination.set_data_handle(with.destination + image * step_out);
            enter.execute(stream, source, inner_source);
            if (adds) load.execute(stream, destination, inner_destination);
            primitive.execute(stream, arguments);
            leave.execute(stream, inner_destination, destination);
        }
    }
};

// A kernel, and another that works on what it gives.
struct Followed : Primitive::Impl {
    Primitive first, then;

    Followed(Primitive first_here, Primitive then_here) : first(std::move(first_here)), then(std::move(then_here)) {}
    void run(Primitive::Arguments const& with) override {
        first.run(with);
        Primitive::Arguments in_place;
        in_place.source = in_place.destination = with.destination;
        in_place.scratchpad = with.scratchpad;
        then.run(in_place);
    }
    std::size_t scratchpad_bytes() const override {
        return std::max(first.scratchpad_bytes(), then.scratchpad_bytes());
    }
    std::string implementation() const override { return first.implementation() + ", " + then.implementation(); }
};

}  // namespace skipstone::kernels
