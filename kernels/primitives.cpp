#include "kernels/primitives.hpp"

#include <array>
#include <cmath>
#include <dnnl.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/host.hpp"
#include "kernels/streamed_convolution.hpp"
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
           number(c.out_width) + ", kernel " + number(c.kernel_h) + "x" + number(c.kernel_w) + ", stride " +
           number(c.stride_h) + "x" + number(c.stride_w) + (c.groups > 1 ? ", groups " + number(c.groups) : "") + ")";
}

dnnl::engine host_engine() {
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
}

DataType data_type(ElementType type) {
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

DataType weight_type(Convolution const& c) {
    return c.precision == Precision::int8 ? DataType::s8 : data_type(activation_type(c.precision));
}

memory::desc activation_desc(TensorShape s, ElementType type, Tag tag = Tag::nhwc) {
    return {{s.n, s.c, s.h, s.w}, data_type(type), tag};
}

memory::dims weight_dims(Convolution const& c) {
    if (c.groups == 1) return {c.out_channels, c.in_channels, c.kernel_h, c.kernel_w};
    return {c.groups, c.out_channels / c.groups, c.group_channels(), c.kernel_h, c.kernel_w};
}

dnnl::primitive_attr plain_attributes() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
}

// 8 bits: oneDNN 2 scales accumulator and bias to the destination's units, then adds what lies there and clips; oneDNN
// 3 scales the accumulator to real numbers, adds the bias and what lies there, and scales the result.
dnnl::primitive_attr attributes(Destination destination, Activation activation, Elements const& elements) {
    auto attributes = plain_attributes();
    bool const quantised = !elements.units.empty();
    dnnl::post_ops operations;
#if DNNL_VERSION_MAJOR >= 3
    if (destination == Destination::add) {
        if (quantised)
            operations.append_sum(elements.added, 0, data_type(elements.added_type));
        else
            operations.append_sum(1.0F);
    }
    if (activation == Activation::relu) operations.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
    if (quantised) {
        attributes.set_scales_mask(DNNL_ARG_WEIGHTS, 1);
        attributes.set_scales_mask(DNNL_ARG_DST, 0);
    }
#else
    if (destination == Destination::add) {
        if (quantised)
            operations.append_sum(elements.added / elements.written, data_type(elements.added_type));
        else
            operations.append_sum(1.0F);
    }
    if (activation == Activation::relu) operations.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
    if (quantised) {
        std::vector<float> scales;
        for (float unit : elements.units) scales.push_back(unit / elements.written);
        attributes.set_output_scales(2, scales);
    }
#endif
    attributes.set_post_ops(operations);
    return attributes;
}

using ConvolutionDesc = dnnl::convolution_forward::primitive_desc;

// oneDNN's first implementation whose name contains `name`, for images laid out as the tag says; if it has one.
std::optional<ConvolutionDesc> find_desc(dnnl::engine const& engine, Convolution const& c, int images, Tag tag,
                                         dnnl::algorithm algorithm, std::string_view name, memory::desc const& weights,
                                         Elements const& elements, dnnl::primitive_attr const& attributes) {
    auto const source = activation_desc({images, c.in_height, c.in_width, c.in_channels}, elements.source, tag);
    auto const destination =
        activation_desc({images, c.out_height, c.out_width, c.out_channels}, elements.destination, tag);
    auto const bias = memory::desc({c.out_channels}, DataType::f32, Tag::x);
    auto const stride = memory::dims{c.stride_h, c.stride_w};
    auto const dilation = memory::dims{c.dilation_h - 1, c.dilation_w - 1};
    auto const before = memory::dims{c.padding_top, c.padding_left};
    auto const behind = memory::dims{c.padding_bottom, c.padding_right};
    auto const kind = dnnl::prop_kind::forward_inference;
    try {
#if DNNL_VERSION_MAJOR >= 3
        ConvolutionDesc desc(engine, kind, algorithm, source, weights, bias, destination, stride, dilation, before,
                             behind, attributes);
#else
        // oneDNN looks at this again when it goes on to the next implementation.
        dnnl::convolution_forward::desc const operation(kind, algorithm, source, weights, bias, destination, stride,
                                                        dilation, before, behind);
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
                                         Elements const& elements, dnnl::primitive_attr const& attributes) {
    auto const winograd = [&](std::string_view name) {
        return find_desc(engine, c, 1, Tag::nChw16c, dnnl::algorithm::convolution_winograd, name, weights, elements,
                         attributes);
    };
    switch (algorithm) {
        case ConvolutionAlgorithm::direct:
            return find_desc(engine, c, batch, Tag::nhwc, dnnl::algorithm::convolution_direct, "", weights, elements,
                             attributes);
        case ConvolutionAlgorithm::winograd_2x3:
            return winograd("wino_2x3");
        case ConvolutionAlgorithm::winograd_4x3:
            return winograd("wino_4x3");
        case ConvolutionAlgorithm::streamed:
        case ConvolutionAlgorithm::streamed_winograd_2x3:
        case ConvolutionAlgorithm::streamed_winograd_4x3:
            break;
    }
    return std::nullopt;
}

ConvolutionDesc get_desc(dnnl::engine const& engine, Convolution const& c, int batch, ConvolutionAlgorithm algorithm,
                         memory::desc const& weights, Elements const& elements,
                         dnnl::primitive_attr const& attributes) {
    auto desc = checked(text(c), [&] { return find_desc(engine, c, batch, algorithm, weights, elements, attributes); });
    if (!desc) throw EnvironmentError("oneDNN " + text(c), "has no " + std::string(to_string(algorithm)) + " for it");
    return std::move(*desc);
}

dnnl::pooling_forward::primitive_desc pooling_desc(dnnl::engine const& engine, dnnl::algorithm algorithm,
                                                   TensorShape input, TensorShape output, Window const& window,
                                                   ElementType type) {
    memory::dims const stride{window.stride.h, window.stride.w}, kernel{window.kernel.h, window.kernel.w};
    memory::dims const before{window.padding.top, window.padding.left},
        behind{window.padding.bottom, window.padding.right};
    auto const source = activation_desc(input, type);
    auto const destination = activation_desc(output, type);
    auto const kind = dnnl::prop_kind::forward_inference;
    auto const attributes_here = plain_attributes();
    return checked("pooling", [&] {
#if DNNL_VERSION_MAJOR >= 3
        return dnnl::pooling_forward::primitive_desc(engine, kind, algorithm, source, destination, stride, kernel,
                                                     {0, 0}, before, behind, attributes_here);
#else
        return dnnl::pooling_forward::primitive_desc(
            {kind, algorithm, source, destination, stride, kernel, before, behind}, attributes_here, engine);
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
    return {weight_dims(c), weight_type(c), Tag::any};
}

// The activation does not change which format oneDNN prefers; these stand for all.
dnnl::primitive_attr usual_attributes(Elements const& elements) {
    return attributes(Destination::overwrite, Activation::relu, elements);
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
    Convolution convolution;
    memory::desc desc;  // none if streamed
    DataType plain;
};

bool is_available(Convolution const& convolution, ConvolutionAlgorithm algorithm) {
    if (algorithm == ConvolutionAlgorithm::direct) return true;
    if (is_streamed(algorithm)) return StreamedConvolution::is_available(convolution, algorithm);
    if (convolution.precision != Precision::float32) return false;
    return checked(text(convolution), [&] {
        return find_desc(host_engine(), convolution, 1, algorithm, any_weights(convolution), {}, usual_attributes({}))
            .has_value();
    });
}

WeightFormat::WeightFormat(Convolution const& convolution, ConvolutionAlgorithm algorithm, ElementType source) {
    if (is_streamed(algorithm)) {
        if (!is_available(convolution, algorithm))
            throw EnvironmentError(text(convolution), "has no " + std::string(to_string(algorithm)) + " on this host");
        impl_ = std::make_shared<Impl const>(Impl{algorithm, convolution, {}, DataType::f32});
        return;
    }
    bool const quantised = convolution.precision == Precision::int8;
    // Scales do not change what oneDNN prefers, either.
    std::vector<float> const units(quantised ? static_cast<std::size_t>(convolution.out_channels) : 0, 1.0F);
    Elements const elements{source, activation_type(convolution.precision), units};
    auto const desc = get_desc(checked("engine", host_engine), convolution, 1, algorithm, any_weights(convolution),
                               elements, usual_attributes(elements));
    impl_ = std::make_shared<Impl const>(
        Impl{algorithm, convolution, desc.weights_desc(), quantised ? DataType::s8 : DataType::f32});
}

ConvolutionAlgorithm WeightFormat::algorithm() const {
    return impl_->algorithm;
}

std::size_t WeightFormat::bytes() const {
    if (is_streamed(impl_->algorithm)) return StreamedConvolution::weight_bytes(impl_->convolution, impl_->algorithm);
    return impl_->desc.get_size();
}

std::string WeightFormat::description() const {
    auto const algorithm = std::string(to_string(impl_->algorithm));
    if (is_streamed(impl_->algorithm))
        return algorithm + ":" + StreamedConvolution::weight_format(impl_->convolution, impl_->algorithm);
    if (impl_->algorithm == ConvolutionAlgorithm::direct) return algorithm + ":" + describe(impl_->desc);
    return algorithm + ":" + describe_winograd(impl_->desc);
}

void WeightFormat::pack(std::span<std::byte const> plain, std::span<std::byte> packed) const {
    SKIPSTONE_EXPECT(packed.size() == bytes());
    if (is_streamed(impl_->algorithm)) {
        auto const floats = [](auto bytes) { return bytes.size() / sizeof(float); };
        StreamedConvolution::pack(impl_->convolution, impl_->algorithm,
                                  {reinterpret_cast<float const*>(plain.data()), floats(plain)},
                                  {reinterpret_cast<float*>(packed.data()), floats(packed)});
        return;
    }
    checked("reorder", [&] {
        auto const engine = host_engine();
#if DNNL_VERSION_MAJOR >= 3
        auto const dims = impl_->desc.get_dims();
#else
        auto const dims = impl_->desc.dims();
#endif
        auto const desc = memory::desc(dims, impl_->plain, dims.size() == 5 ? Tag::abcde : Tag::abcd);
        SKIPSTONE_EXPECT(desc.get_size() == plain.size_bytes());
        auto source = memory(desc, engine, const_cast<std::byte*>(plain.data()));
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
    virtual ~Impl() = default;
    virtual void run(Arguments const& with) = 0;
    virtual std::size_t scratchpad_bytes() const = 0;
    virtual std::string implementation() const = 0;
};

namespace {

struct Streamed : Primitive::Impl {
    StreamedConvolution convolution;
    std::string name;

    Streamed(StreamedConvolution made, ConvolutionAlgorithm algorithm)
        : convolution(std::move(made)), name(std::string(to_string(algorithm)) + ":avx512_core") {}
    void run(Primitive::Arguments const& with) override { convolution.run(with); }
    std::size_t scratchpad_bytes() const override { return convolution.scratchpad_bytes(); }
    std::string implementation() const override { return name; }
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

}  // namespace

Primitive::Primitive(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Primitive::Primitive(Primitive&&) noexcept = default;
Primitive& Primitive::operator=(Primitive&&) noexcept = default;
Primitive::~Primitive() = default;

std::size_t Primitive::scratchpad_bytes() const {
    return impl_->scratchpad_bytes();
}

std::string Primitive::implementation() const {
    return impl_->implementation();
}

void Primitive::run(Arguments const& arguments) {
    impl_->run(arguments);
}

PrimitiveFactory::PrimitiveFactory() : impl_(checked("engine", [] { return std::make_unique<Impl>(); })) {}
PrimitiveFactory::PrimitiveFactory(PrimitiveFactory&&) noexcept = default;
PrimitiveFactory& PrimitiveFactory::operator=(PrimitiveFactory&&) noexcept = default;
PrimitiveFactory::~PrimitiveFactory() = default;

Primitive PrimitiveFactory::convolution(Convolution const& convolution, int batch, WeightFormat const& format,
                                        Destination destination, Activation activation,
                                        Elements const& elements) const {
    auto const algorithm = format.algorithm();
    if (is_streamed(algorithm))
        return Primitive(std::make_unique<Streamed>(
            StreamedConvolution(convolution, algorithm, batch, destination, activation), algorithm));
    auto const desc = get_desc(impl_->engine, convolution, batch, algorithm, format.impl_->desc, elements,
                               attributes(destination, activation, elements));
    return checked(text(convolution), [&] {
        auto impl = std::make_unique<OneDnn>(dnnl::convolution_forward(desc), desc, impl_->engine, impl_->stream);
        impl->weights = placeholder(desc.weights_desc(), impl_->engine);
        impl->bias = placeholder(desc.bias_desc(), impl_->engine);
        impl->arguments.emplace(DNNL_ARG_WEIGHTS, impl->weights);
        impl->arguments.emplace(DNNL_ARG_BIAS, impl->bias);
        if (algorithm != ConvolutionAlgorithm::direct) impl->block(convolution, batch, destination, impl_->engine);
#if DNNL_VERSION_MAJOR >= 3
        if (!elements.units.empty()) {
            impl->add_scales(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, {elements.units.begin(), elements.units.end()},
                             impl_->engine);
            impl->add_scales(DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, {elements.written}, impl_->engine);
        }
#endif
        return Primitive(std::move(impl));
    });
}

Primitive PrimitiveFactory::max_pool(TensorShape input, TensorShape output, Window const& window,
                                     ElementType type) const {
    auto const desc = pooling_desc(impl_->engine, dnnl::algorithm::pooling_max, input, output, window, type);
    return checked("max pooling", [&] {
        return Primitive(std::make_unique<OneDnn>(dnnl::pooling_forward(desc), desc, impl_->engine, impl_->stream));
    });
}

Primitive PrimitiveFactory::global_average(TensorShape input) const {
    auto const desc = pooling_desc(impl_->engine, dnnl::algorithm::pooling_avg_exclude_padding, input,
                                   {input.n, 1, 1, input.c}, {{input.h, input.w}, {}, {}}, ElementType::float32);
    return checked("average pooling", [&] {
        return Primitive(std::make_unique<OneDnn>(dnnl::pooling_forward(desc), desc, impl_->engine, impl_->stream));
    });
}

Primitive PrimitiveFactory::conversion(TensorShape shape, ElementType from, ElementType to, float scale) const {
    bool const narrows = from == ElementType::float32;
    auto attributes_here = plain_attributes();
    return checked("conversion", [&] {
#if DNNL_VERSION_MAJOR >= 3
        int const side = narrows ? DNNL_ARG_DST : DNNL_ARG_SRC;
        if (scale != 1) attributes_here.set_scales_mask(side, 0);
#else
        attributes_here.set_output_scales(0, {narrows ? 1 / scale : scale});
#endif
        auto const desc = dnnl::reorder::primitive_desc(impl_->engine, activation_desc(shape, from), impl_->engine,
                                                        activation_desc(shape, to), attributes_here);
        auto impl = std::make_unique<OneDnn>(dnnl::reorder(desc), desc, impl_->engine, impl_->stream);
#if DNNL_VERSION_MAJOR >= 3
        if (scale != 1) impl->add_scales(DNNL_ARG_ATTR_SCALES | side, {scale}, impl_->engine);
#endif
        return Primitive(std::move(impl));
    });
}

bool has_wide_sums() {
    constexpr auto vnni = static_cast<unsigned>(dnnl_cpu_isa_avx512_core_vnni);
    constexpr auto vnni_of_avx2 = static_cast<unsigned>(dnnl_cpu_isa_avx2_vnni);
    // A set's number has the bits of all sets that it contains.
    auto const isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    return (isa & vnni) == vnni || (isa & vnni_of_avx2) == vnni_of_avx2;
}

std::vector<float> stored_bias(std::vector<float> const& bias, std::vector<float> const& units) {
#if DNNL_VERSION_MAJOR >= 3
    SKIPSTONE_EXPECT(bias.size() == units.size());
    return bias;
#else
    std::vector<float> stored;
    for (std::size_t o = 0; o < bias.size(); ++o) stored.push_back(std::nearbyint(bias[o] / units.at(o)));
    return stored;
#endif
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
