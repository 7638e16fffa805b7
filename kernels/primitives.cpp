#include "kernels/primitives.hpp"

#include <array>
#include <dnnl.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "kernels/host.hpp"
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

memory::desc activation_desc(int n, int h, int w, int c) {
    return {{n, c, h, w}, DataType::f32, Tag::nhwc};
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

dnnl::convolution_forward::primitive_desc convolution_desc(dnnl::engine const& engine, Convolution const& c, int batch,
                                                           memory::desc const& weights,
                                                           dnnl::primitive_attr const& attributes) {
    auto const source = activation_desc(batch, c.in_height, c.in_width, c.in_channels);
    auto const destination = activation_desc(batch, c.out_height, c.out_width, c.out_channels);
    auto const bias = memory::desc({c.out_channels}, DataType::f32, Tag::x);
    auto const stride = memory::dims{c.stride, c.stride};
    auto const padding = memory::dims{c.padding, c.padding};
    auto const kind = dnnl::prop_kind::forward_inference;
    auto const algorithm = dnnl::algorithm::convolution_direct;
    return checked(text(c), [&] {
#if DNNL_VERSION_MAJOR >= 3
        return dnnl::convolution_forward::primitive_desc(engine, kind, algorithm, source, weights, bias, destination,
                                                         stride, padding, padding, attributes);
#else
        return dnnl::convolution_forward::primitive_desc(
            {kind, algorithm, source, weights, bias, destination, stride, padding, padding}, attributes, engine);
#endif
    });
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

std::string join(memory::dims const& values) {
    std::string joined;
    for (auto value : values) joined += (joined.empty() ? "" : "x") + std::to_string(value);
    return joined;
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

// A memory object without memory yet; run() tells it where.
memory placeholder(memory::desc const& desc, dnnl::engine const& engine) {
    return {desc, engine, DNNL_MEMORY_NONE};
}

}  // namespace

struct WeightFormat::Impl {
    memory::desc desc;
};

WeightFormat::WeightFormat(Convolution const& convolution) {
    auto const any = memory::desc(weight_dims(convolution), DataType::f32, Tag::any);
    // The activation does not change what oneDNN prefers; the usual one stands for all.
    auto const desc = convolution_desc(checked("engine", host_engine), convolution, 1, any,
                                       attributes(Destination::overwrite, Activation::relu));
    impl_ = std::make_shared<Impl const>(Impl{desc.weights_desc()});
}

std::size_t WeightFormat::bytes() const {
    return impl_->desc.get_size();
}

std::string WeightFormat::description() const {
    return describe(impl_->desc);
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

struct PrimitiveFactory::Impl {
    dnnl::engine engine = host_engine();
    dnnl::stream stream{engine};
};

struct Primitive::Impl {
    dnnl::primitive primitive;
    dnnl::stream stream;
    memory source, destination, weights, bias, scratchpad;  // weights and bias: convolutions only
    std::string implementation;
    std::unordered_map<int, memory> arguments;

    template <class Desc>
    Impl(dnnl::primitive made, Desc const& desc, dnnl::engine const& engine, dnnl::stream stream_here)
        : primitive(std::move(made)),
          stream(std::move(stream_here)),
          source(placeholder(desc.src_desc(), engine)),
          destination(placeholder(desc.dst_desc(), engine)),
          scratchpad(placeholder(desc.scratchpad_desc(), engine)),
          implementation(desc.impl_info_str()),
          arguments{{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, destination}, {DNNL_ARG_SCRATCHPAD, scratchpad}} {}
};

Primitive::Primitive(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Primitive::Primitive(Primitive&&) noexcept = default;
Primitive& Primitive::operator=(Primitive&&) noexcept = default;
Primitive::~Primitive() = default;

std::size_t Primitive::scratchpad_bytes() const {
    return impl_->scratchpad.get_desc().get_size();
}

std::string Primitive::implementation() const {
    return impl_->implementation;
}

void Primitive::run(Arguments const& arguments) {
    checked(impl_->implementation, [&] {
        impl_->source.set_data_handle(const_cast<float*>(arguments.source));
        impl_->destination.set_data_handle(arguments.destination);
        impl_->scratchpad.set_data_handle(arguments.scratchpad);
        if (impl_->weights) {
            impl_->weights.set_data_handle(const_cast<std::byte*>(arguments.weights));
            impl_->bias.set_data_handle(const_cast<float*>(arguments.bias));
        }
        impl_->primitive.execute(impl_->stream, impl_->arguments);
        impl_->stream.wait();
    });
}

PrimitiveFactory::PrimitiveFactory() : impl_(checked("engine", [] { return std::make_unique<Impl>(); })) {}
PrimitiveFactory::PrimitiveFactory(PrimitiveFactory&&) noexcept = default;
PrimitiveFactory& PrimitiveFactory::operator=(PrimitiveFactory&&) noexcept = default;
PrimitiveFactory::~PrimitiveFactory() = default;

Primitive PrimitiveFactory::convolution(Convolution const& convolution, int batch, WeightFormat const& format,
                                        Destination destination, Activation activation) const {
    auto const desc =
        convolution_desc(impl_->engine, convolution, batch, format.impl_->desc, attributes(destination, activation));
    return checked(text(convolution), [&] {
        auto impl =
            std::make_unique<Primitive::Impl>(dnnl::convolution_forward(desc), desc, impl_->engine, impl_->stream);
        impl->weights = placeholder(desc.weights_desc(), impl_->engine);
        impl->bias = placeholder(desc.bias_desc(), impl_->engine);
        impl->arguments.emplace(DNNL_ARG_WEIGHTS, impl->weights);
        impl->arguments.emplace(DNNL_ARG_BIAS, impl->bias);
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
