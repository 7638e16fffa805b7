#include "kernels/primitives.hpp"

#include <array>
#include <dnnl.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "kernels/host.hpp"
#include "units/buffer.hpp"
#include "units/error.hpp"

// oneDNN 3 dropped operation descriptors and the scale of post-op activations; both are met in this file only.
namespace skipstone::kernels {

namespace {

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

std::string text(Convolution const& c) {
    auto const number = [](int n) { return std::to_string(n); };
    return "convolution " + c.name + " (" + number(c.in_channels) + "x" + number(c.in_height) + "x" +
           number(c.in_width) + " to " + number(c.out_channels) + "x" + number(c.out_height) + "x" +
           number(c.out_width) + ", kernel " + number(c.kernel) + ", stride " + number(c.stride) + ")";
}

dnnl::engine host_engine() {
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
}

memory::desc activation_desc(int n, int h, int w, int c, Tag tag = Tag::nhwc) {
    return {{n, c, h, w}, DataType::f32, tag};
}
memory::desc activation_desc(TensorShape s) {
    return activation_desc(s.n, s.h, s.w, s.c);
}

memory::dims weight_dims(Convolution const& c) {
    return {c.out_channels, c.in_channels, c.kernel, c.kernel};
}

dnnl::primitive_attr attributes(Destination destination, Activation activation) {
    dnnl::post_ops operations;
    if (destination == Destination::add) operations.append_sum(1.0F);
    if (activation == Activation::relu) {
#if DNNL_VERSION_MAJOR >= 3
        operations.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#else
        operations.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#endif
    }
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    attributes.set_post_ops(operations);
    return attributes;
}

using ConvolutionDesc = dnnl::convolution_forward::primitive_desc;

// oneDNN's first implementation whose name contains `name`, for images laid out as the tag says; if it has one.
std::optional<ConvolutionDesc> find_desc(dnnl::engine const& engine, Convolution const& c, int images, Tag tag,
                                         dnnl::algorithm algorithm, std::string_view name, memory::desc const& weights,
                                         dnnl::primitive_attr const& attributes) {
    auto const source = activation_desc(images, c.in_height, c.in_width, c.in_channels, tag);
    auto const destination = activation_desc(images, c.out_height, c.out_width, c.out_channels, tag);
    auto const bias = memory::desc({c.out_channels}, DataType::f32, Tag::x);
    auto const stride = memory::dims{c.stride, c.stride};
    auto const padding = memory::dims{c.padding, c.padding};
    auto const kind = dnnl::prop_kind::forward_inference;
    try {
#if DNNL_VERSION_MAJOR >= 3
        ConvolutionDesc desc(engine, kind, algorithm, source, weights, bias, destination, stride, padding, padding,
                             attributes);
#else
        // oneDNN looks at this again when it goes on to the next implementation.
        dnnl::convolution_forward::desc const operation(kind, algorithm, source, weights, bias, destination, stride,
                                                        padding, padding);
        ConvolutionDesc desc(operation, attributes, engine);
#endif
        do {
            if (std::string_view(desc.impl_info_str()).find(name) != std::string_view::npos) return desc;
        } while (desc.next_impl());
    } catch (dnnl::error const& error) {
        if (error.status != dnnl_unimplemented) throw;
    }
    return std::nullopt;
}

// Winograd: of one image with its channels in blocks of 16.
std::optional<ConvolutionDesc> find_desc(dnnl::engine const& engine, Convolution const& c, int batch,
                                         ConvolutionAlgorithm algorithm, memory::desc const& weights,
                                         dnnl::primitive_attr const& attributes) {
    auto const winograd = [&](std::string_view name) {
        return find_desc(engine, c, 1, Tag::nChw16c, dnnl::algorithm::convolution_winograd, name, weights, attributes);
    };
    switch (algorithm) {
        case ConvolutionAlgorithm::direct:
            return find_desc(engine, c, batch, Tag::nhwc, dnnl::algorithm::convolution_direct, "", weights, attributes);
        case ConvolutionAlgorithm::winograd_2x3:
            return winograd("wino_2x3");
        case ConvolutionAlgorithm::winograd_4x3:
            return winograd("wino_4x3");
    }
    return std::nullopt;
}

ConvolutionDesc get_desc(dnnl::engine const& engine, Convolution const& c, int batch, ConvolutionAlgorithm algorithm,
                         memory::desc const& weights, dnnl::primitive_attr const& attributes) {
    auto desc = checked(text(c), [&] { return find_desc(engine, c, batch, algorithm, weights, attributes); });
    if (!desc) throw EnvironmentError("oneDNN " + text(c), "has no " + std::string(to_string(algorithm)) + " for it");
    return std::move(*desc);
}

dnnl::pooling_forward::primitive_desc pooling_desc(dnnl::engine const& engine, dnnl::algorithm algorithm,
                                                   TensorShape input, TensorShape output, memory::dims const& stride,
                                                   memory::dims const& kernel, memory::dims const& padding) {
    auto const source = activation_desc(input);
    auto const destination = activation_desc(output);
    auto const kind = dnnl::prop_kind::forward_inference;
    auto const attributes_here = attributes(Destination::overwrite, Activation::none);
    return checked("pooling", [&] {
#if DNNL_VERSION_MAJOR >= 3
        return dnnl::pooling_forward::primitive_desc(engine, kind, algorithm, source, destination, stride, kernel,
                                                     {0, 0}, padding, padding, attributes_here);
#else
        return dnnl::pooling_forward::primitive_desc(
            {kind, algorithm, source, destination, stride, kernel, padding, padding}, attributes_here, engine);
#endif
    });
}

std::size_t aligned(std::size_t bytes) {
    return (bytes + Buffer::alignment - 1) / Buffer::alignment * Buffer::alignment;
}

std::string join(memory::dims const& values) {
    std::string joined;
    for (auto value : values) joined += (joined.empty() ? "" : "x") + std::to_string(value);
    return joined;
}

// In whatever format oneDNN likes.
memory::desc any_weights(Convolution const& c) {
    return {weight_dims(c), DataType::f32, Tag::any};
}

// The activation does not change which format oneDNN prefers; these stand for all.
dnnl::primitive_attr usual_attributes() {
    return attributes(Destination::overwrite, Activation::relu);
}

std::string describe(memory::desc const& desc) {
#if DNNL_VERSION_MAJOR >= 3
    auto const dims = desc.get_padded_dims();
    auto const strides = desc.get_strides();
    auto const blocks = desc.get_inner_blks();
    auto const indices = desc.get_inner_idxs();
#else
    auto const& raw = desc.data;
    auto const& blocking = raw.format_desc.blocking;
    auto const dims = memory::dims(raw.padded_dims, raw.padded_dims + raw.ndims);
    auto const strides = memory::dims(blocking.strides, blocking.strides + raw.ndims);
    auto const blocks = memory::dims(blocking.inner_blks, blocking.inner_blks + blocking.inner_nblks);
    auto const indices = memory::dims(blocking.inner_idxs, blocking.inner_idxs + blocking.inner_nblks);
#endif
    return join(dims) + ":" + join(strides) + ":" + join(blocks) + ":" + join(indices);
}

// oneDNN's formats of transformed weights are its own; how large one is tells it from others of the same convolution.
std::string describe_winograd(memory::desc const& desc) {
#if DNNL_VERSION_MAJOR >= 3
    return join(desc.get_dims()) + ":" + std::to_string(desc.get_size());
#else
    auto const& raw = desc.data.format_desc.wino_desc;
    return join(desc.dims()) + ":" +
           join({raw.wino_format, raw.r, raw.alpha, raw.ic, raw.oc, raw.ic_block, raw.oc_block, raw.ic2_block,
                 raw.oc2_block}) +
           ":" + std::to_string(desc.get_size());
#endif
}

// A memory object without memory yet; run() tells it where.
memory placeholder(memory::desc const& desc, dnnl::engine const& engine) {
    return {desc, engine, DNNL_MEMORY_NONE};
}

}  // namespace

struct WeightFormat::Impl {
    ConvolutionAlgorithm algorithm;
    memory::desc desc;
};

bool is_available(Convolution const& convolution, ConvolutionAlgorithm algorithm) {
    if (algorithm == ConvolutionAlgorithm::direct) return true;
    return checked(text(convolution), [&] {
        return find_desc(host_engine(), convolution, 1, algorithm, any_weights(convolution), usual_attributes())
            .has_value();
    });
}

WeightFormat::WeightFormat(Convolution const& convolution, ConvolutionAlgorithm algorithm) {
    auto const desc = get_desc(checked("engine", host_engine), convolution, 1, algorithm, any_weights(convolution),
                               usual_attributes());
    impl_ = std::make_shared<Impl const>(Impl{algorithm, desc.weights_desc()});
}

ConvolutionAlgorithm WeightFormat::algorithm() const {
    return impl_->algorithm;
}

std::size_t WeightFormat::bytes() const {
    return impl_->desc.get_size();
}

std::string WeightFormat::description() const {
    auto const algorithm = std::string(to_string(impl_->algorithm));
    if (impl_->algorithm == ConvolutionAlgorithm::direct) return algorithm + ":" + describe(impl_->desc);
    return algorithm + ":" + describe_winograd(impl_->desc);
}

void WeightFormat::pack(std::span<float const> plain, std::span<std::byte> packed) const {
    SKIPSTONE_EXPECT(packed.size() == bytes());
    checked("reorder", [&] {
        auto const engine = host_engine();
#if DNNL_VERSION_MAJOR >= 3
        auto const dims = impl_->desc.get_dims();
#else
        auto const dims = impl_->desc.dims();
#endif
        auto const desc = memory::desc(dims, DataType::f32, Tag::abcd);
        SKIPSTONE_EXPECT(desc.get_size() == plain.size_bytes());
        auto source = memory(desc, engine, const_cast<float*>(plain.data()));
        auto destination = memory(impl_->desc, engine, packed.data());
        auto stream = dnnl::stream(engine);
        dnnl::reorder(source, destination).execute(stream, source, destination);
        stream.wait();
    });
}

void multiply(int n, std::span<float const> a, std::span<float const> b, std::span<float> c) {
    auto const elements = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
    SKIPSTONE_EXPECT(a.size() == elements && b.size() == elements && c.size() == elements);
    auto const status = dnnl_sgemm('N', 'N', n, n, n, 1.0F, a.data(), n, b.data(), n, 0.0F, c.data(), n);
    if (status != dnnl_success) throw EnvironmentError("oneDNN sgemm", "status " + std::to_string(status));
}

struct PrimitiveFactory::Impl {
    dnnl::engine engine = host_engine();
    dnnl::stream stream{engine};
};

struct Primitive::Impl {
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
    std::string implementation;
    std::unordered_map<int, memory> arguments;
    std::optional<Blocked> blocked;

    template <class Desc>
    Impl(dnnl::primitive made, Desc const& desc, dnnl::engine const& engine, dnnl::stream stream_here)
        : primitive(std::move(made)),
          stream(std::move(stream_here)),
          source(placeholder(desc.src_desc(), engine)),
          destination(placeholder(desc.dst_desc(), engine)),
          scratchpad(placeholder(desc.scratchpad_desc(), engine)),
          implementation(desc.impl_info_str()),
          arguments{{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, destination}, {DNNL_ARG_SCRATCHPAD, scratchpad}} {}

    // source and destination, which the convolution reads and writes now, become plain ones of one image.
    void block(Convolution const& c, int images, Destination what, dnnl::engine const& engine) {
        auto inner_source =
            std::exchange(source, placeholder(activation_desc(1, c.in_height, c.in_width, c.in_channels), engine));
        auto inner_destination = std::exchange(
            destination, placeholder(activation_desc(1, c.out_height, c.out_width, c.out_channels), engine));
        dnnl::reorder const enter(source, inner_source), load(destination, inner_destination),
            leave(inner_destination, destination);
        blocked = Blocked{std::move(inner_source), std::move(inner_destination), enter, load, leave, images,
                          what == Destination::add};
    }

    std::size_t scratchpad_bytes() const {
        auto const bytes = aligned(scratchpad.get_desc().get_size());
        if (!blocked) return bytes;
        return bytes + aligned(blocked->source.get_desc().get_size()) +
               aligned(blocked->destination.get_desc().get_size());
    }

    void run(Arguments const& with) {
        source.set_data_handle(const_cast<float*>(with.source));
        destination.set_data_handle(with.destination);
        scratchpad.set_data_handle(with.scratchpad);
        if (weights) {
            weights.set_data_handle(const_cast<std::byte*>(with.weights));
            bias.set_data_handle(const_cast<float*>(with.bias));
        }
        if (blocked)
            run_blocked(with);
        else
            primitive.execute(stream, arguments);
        stream.wait();
    }

    void run_blocked(Arguments const& with) {
        auto& [inner_source, inner_destination, enter, load, leave, images, adds] = *blocked;
        auto* const first = with.scratchpad + aligned(scratchpad.get_desc().get_size());
        inner_source.set_data_handle(first);
        inner_destination.set_data_handle(first + aligned(inner_source.get_desc().get_size()));
        auto const step_in = source.get_desc().get_size() / sizeof(float);
        auto const step_out = destination.get_desc().get_size() / sizeof(float);
        for (std::size_t image = 0; image < static_cast<std::size_t>(images); ++image) {
            source.set_data_handle(const_cast<float*>(with.source + image * step_in));
            destination.set_data_handle(with.destination + image * step_out);
            enter.execute(stream, source, inner_source);
            if (adds) load.execute(stream, destination, inner_destination);
            primitive.execute(stream, arguments);
            leave.execute(stream, inner_destination, destination);
        }
    }
};

Primitive::Primitive(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Primitive::Primitive(Primitive&&) noexcept = default;
Primitive& Primitive::operator=(Primitive&&) noexcept = default;
Primitive::~Primitive() = default;

std::size_t Primitive::scratchpad_bytes() const {
    return impl_->scratchpad_bytes();
}

std::string Primitive::implementation() const {
    return impl_->implementation;
}

void Primitive::run(Arguments const& arguments) {
    checked(impl_->implementation, [&] { impl_->run(arguments); });
}

PrimitiveFactory::PrimitiveFactory() : impl_(checked("engine", [] { return std::make_unique<Impl>(); })) {}
PrimitiveFactory::PrimitiveFactory(PrimitiveFactory&&) noexcept = default;
PrimitiveFactory& PrimitiveFactory::operator=(PrimitiveFactory&&) noexcept = default;
PrimitiveFactory::~PrimitiveFactory() = default;

Primitive PrimitiveFactory::convolution(Convolution const& convolution, int batch, WeightFormat const& format,
                                        Destination destination, Activation activation) const {
    auto const algorithm = format.algorithm();
    auto const desc =
        get_desc(impl_->engine, convolution, batch, algorithm, format.impl_->desc, attributes(destination, activation));
    return checked(text(convolution), [&] {
        auto impl =
            std::make_unique<Primitive::Impl>(dnnl::convolution_forward(desc), desc, impl_->engine, impl_->stream);
        impl->weights = placeholder(desc.weights_desc(), impl_->engine);
        impl->bias = placeholder(desc.bias_desc(), impl_->engine);
        impl->arguments.emplace(DNNL_ARG_WEIGHTS, impl->weights);
        impl->arguments.emplace(DNNL_ARG_BIAS, impl->bias);
        if (algorithm != ConvolutionAlgorithm::direct) impl->block(convolution, batch, destination, impl_->engine);
        return Primitive(std::move(impl));
    });
}

Primitive PrimitiveFactory::max_pool(TensorShape input, TensorShape output) const {
    auto const desc = pooling_desc(impl_->engine, dnnl::algorithm::pooling_max, input, output, {2, 2}, {3, 3}, {1, 1});
    return checked("max pooling", [&] {
        return Primitive(
            std::make_unique<Primitive::Impl>(dnnl::pooling_forward(desc), desc, impl_->engine, impl_->stream));
    });
}

Primitive PrimitiveFactory::global_average(TensorShape input) const {
    auto const desc = pooling_desc(impl_->engine, dnnl::algorithm::pooling_avg_exclude_padding, input,
                                   {input.n, 1, 1, input.c}, {1, 1}, {input.h, input.w}, {0, 0});
    return checked("average pooling", [&] {
        return Primitive(
            std::make_unique<Primitive::Impl>(dnnl::pooling_forward(desc), desc, impl_->engine, impl_->stream));
    });
}

std::string instruction_set() {
    auto const isa = static_cast<int>(dnnl::get_effective_cpu_isa());
    constexpr std::array<std::pair<int, char const*>, 8> names{{{dnnl_cpu_isa_sse41, "sse41"},
                                                                {dnnl_cpu_isa_avx, "avx"},
                                                                {dnnl_cpu_isa_avx2, "avx2"},
                                                                {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
                                                                {dnnl_cpu_isa_avx512_core, "avx512_core"},
                                                                {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
                                                                {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
                                                                {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"}}};
    for (auto const& [code, name] : names)
        if (code == isa) return name;
    return "oneDNN instruction set " + std::to_string(isa);
}

std::string onednn_version() {
    auto const* version = dnnl::version();
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

}  // namespace skipstone::kernels
