#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/onednn.hpp"
#include "kernels/streamed_convolution.hpp"

// Convolutions by oneDNN, and how their weights lie in memory.
namespace skipstone::kernels {

namespace {

std::string text(Convolution const& c) {
    auto const number = [](int n) { return std::to_string(n); };
    return "convolution " + c.name + " (" + number(c.in_channels) + "x" + number(c.in_height) + "x" +
           number(c.in_width) + " to " + number(c.out_channels) + "x" + number(c.out_height) + "x" +
           number(c.out_width) + ", kernel " + number(c.kernel_h) + "x" + number(c.kernel_w) + ", stride " +
           number(c.stride_h) + "x" + number(c.stride_w) + (c.groups > 1 ? ", groups " + number(c.groups) : "") + ")";
}

DataType weight_type(Convolution const& c) {
    return c.precision == Precision::int8 ? DataType::s8 : data_type(activation_type(c.precision));
}

memory::dims weight_dims(Convolution const& c) {
    if (c.groups == 1) return {c.out_channels, c.in_channels, c.kernel_h, c.kernel_w};
    return {c.groups, c.out_channels / c.groups, c.group_channels(), c.kernel_h, c.kernel_w};
}

// 8 bits: oneDNN 2 scales accumulator and bias to the destination's units (to real numbers, if a function follows that
// is no ReLU), then adds what lies there and clips; oneDNN 3 scales the accumulator to real numbers, adds the bias and
// what lies there, and scales the result.
dnnl::primitive_attr attributes([[maybe_unused]] Convolution const& c, Destination destination,
                                Activation const& activation, Elements const& elements) {
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
    if (activation) append(operations, *activation, 1);
    if (quantised) {
        attributes.set_scales_mask(DNNL_ARG_WEIGHTS, c.groups > 1 ? 3 : 1);
        attributes.set_scales_mask(DNNL_ARG_DST, 0);
    }
#else
    bool const is_real = activation && !activation->is_relu();
    float const unit = quantised && is_real ? 1 : elements.written;  // what one unit is worth before the activation
    if (destination == Destination::add) {
        if (quantised)
            operations.append_sum(elements.added / unit, data_type(elements.added_type));
        else
            operations.append_sum(1.0F);
    }
    if (activation) append(operations, *activation, quantised && is_real ? elements.written : 1);
    if (quantised) {
        std::vector<float> scales;
        for (float const worth : elements.units) scales.push_back(worth / unit);
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
dnnl::primitive_attr usual_attributes(Convolution const& c, Elements const& elements) {
    return attributes(c, Destination::overwrite, Pointwise{}, elements);
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

struct Streamed : Primitive::Impl {
    StreamedConvolution convolution;
    std::string name;

    Streamed(StreamedConvolution made, ConvolutionAlgorithm algorithm)
        : convolution(std::move(made)), name(std::string(to_string(algorithm)) + ":avx512_core") {}
    void run(Primitive::Arguments const& with) override { convolution.run(with); }
    std::size_t scratchpad_bytes() const override { return convolution.scratchpad_bytes(); }
    std::string implementation() const override { return name; }
};

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
        return find_desc(host_engine(), convolution, 1, algorithm, any_weights(convolution), {},
                         usual_attributes(convolution, {}))
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
                               elements, usual_attributes(convolution, elements));
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

Primitive PrimitiveFactory::convolution(Convolution const& convolution, int batch, WeightFormat const& format,
                                        Destination destination, Activation const& activation,
                                        Elements const& elements) const {
    auto const algorithm = format.algorithm();
    bool const ends_itself = algorithm == ConvolutionAlgorithm::direct ||
                             (is_streamed(algorithm) ? StreamedConvolution::bounds_of(activation).has_value()
                                                     : !activation || activation->is_relu());
    if (!ends_itself) {
        TensorShape const shape{batch, convolution.out_height, convolution.out_width, convolution.out_channels};
        return Primitive(std::make_unique<Followed>(
            this->convolution(convolution, batch, format, destination, std::nullopt, elements),
            pointwise(shape, *activation, elements.destination)));
    }
    if (is_streamed(algorithm))
        return Primitive(std::make_unique<Streamed>(
            StreamedConvolution(convolution, algorithm, batch, destination, activation), algorithm));
    auto const desc = get_desc(impl_->engine, convolution, batch, algorithm, format.impl_->desc, elements,
                               attributes(convolution, destination, activation, elements));
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

}  // namespace skipstone::kernels
