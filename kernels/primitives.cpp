#include "kernels/primitives.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/host.hpp"
#include "kernels/onednn.hpp"

namespace skipstone::kernels {

namespace {

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

// oneDNN's name for a function.
struct Eltwise {
    dnnl::algorithm algorithm;
    float alpha = 0, beta = 0;
};

// One after the other.
std::vector<Eltwise> calls_of(Pointwise const& f) {
    using enum op::Activation::Kind;
    using Algorithm = dnnl::algorithm;
    switch (f.kind) {
        case clip:
            return {{Algorithm::eltwise_clip, f.alpha, f.beta}};
        case leaky_relu:
            return {{Algorithm::eltwise_relu, f.alpha}};
        case elu:
            return {{Algorithm::eltwise_elu, f.alpha}};
        case sigmoid:
            return {{Algorithm::eltwise_logistic}};
        case tanh:
            return {{Algorithm::eltwise_tanh}};
        case hard_sigmoid:
            return {{Algorithm::eltwise_linear, f.alpha, f.beta}, {Algorithm::eltwise_clip, 0, 1}};
        case hard_swish:
#if DNNL_VERSION_MAJOR >= 3
            return {{Algorithm::eltwise_hardswish, 1.0F / 6, 0.5F}};
#else
            return {{Algorithm::eltwise_hardswish}};
#endif
        case silu:
            return {{Algorithm::eltwise_swish, 1}};
        case gelu:
            return {{Algorithm::eltwise_gelu_erf}};
        case gelu_tanh:
            return {{Algorithm::eltwise_gelu_tanh}};
        case square_root:
            return {{Algorithm::eltwise_sqrt}};
        case logarithm:
            return {{Algorithm::eltwise_log}};
        case absolute:
            return {{Algorithm::eltwise_abs}};
        case exponential:
            return {{Algorithm::eltwise_exp}};
    }
    contract_failed("precondition", "kind is a kind of activation", __FILE__, __LINE__);
}

dnnl::eltwise_forward::primitive_desc eltwise_desc(dnnl::engine const& engine, TensorShape shape, ElementType type,
                                                   Eltwise const& call) {
    auto const tensor = memory::desc({static_cast<memory::dim>(shape.elements())}, data_type(type), Tag::x);
    auto const kind = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
    return {engine, kind, call.algorithm, tensor, tensor, call.alpha, call.beta, plain_attributes()};
#else
    return {{kind, call.algorithm, tensor, call.alpha, call.beta}, plain_attributes(), engine};
#endif
}

}  // namespace

void append(dnnl::post_ops& operations, Pointwise const& function, [[maybe_unused]] float unit) {
    auto const calls = calls_of(function);
    for (std::size_t i = 0; i < calls.size(); ++i) {
        auto const& [algorithm, alpha, beta] = calls[i];
#if DNNL_VERSION_MAJOR >= 3
        operations.append_eltwise(algorithm, alpha, beta);
#else
        operations.append_eltwise(i + 1 == calls.size() ? 1 / unit : 1, algorithm, alpha, beta);
#endif
    }
}

void multiply(int n, std::span<float const> a, std::span<float const> b, std::span<float> c) {
    auto const elements = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
    SKIPSTONE_EXPECT(a.size() == elements && b.size() == elements && c.size() == elements);
    auto const status = dnnl_sgemm('N', 'N', n, n, n, 1.0F, a.data(), n, b.data(), n, 0.0F, c.data(), n);
    if (status != dnnl_success) throw EnvironmentError("oneDNN sgemm", "status " + std::to_string(status));
}

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

Primitive PrimitiveFactory::pool(Pool pool, TensorShape input, TensorShape output, Window const& window,
                                 ElementType type) const {
    auto const algorithm = pool == Pool::maximum   ? dnnl::algorithm::pooling_max
                           : pool == Pool::average ? dnnl::algorithm::pooling_avg_exclude_padding
                                                   : dnnl::algorithm::pooling_avg_include_padding;
    auto const desc = pooling_desc(impl_->engine, algorithm, input, output, window, type);
    return checked("pooling", [&] {
        return Primitive(std::make_unique<OneDnn>(dnnl::pooling_forward(desc), desc, impl_->engine, impl_->stream));
    });
}

Primitive PrimitiveFactory::pointwise(TensorShape shape, Pointwise const& function, ElementType type) const {
    return checked("activation", [&] {
        std::optional<Primitive> all;
        for (auto const& call : calls_of(function)) {
            auto const desc = eltwise_desc(impl_->engine, shape, type, call);
            Primitive one(std::make_unique<OneDnn>(dnnl::eltwise_forward(desc), desc, impl_->engine, impl_->stream));
            all = all ? Primitive(std::make_unique<Followed>(*std::move(all), std::move(one))) : std::move(one);
        }
        return *std::move(all);
    });
}

Primitive PrimitiveFactory::response_norm(TensorShape shape, op::ResponseNorm const& norm) const {
    SKIPSTONE_EXPECT(norm.size % 2 == 1);
    auto const tensor = activation_desc(shape, ElementType::float32);
    auto const kind = dnnl::prop_kind::forward_inference;
    auto const algorithm = dnnl::algorithm::lrn_across_channels;
    auto const alpha = static_cast<float>(norm.alpha), beta = static_cast<float>(norm.beta),
               k = static_cast<float>(norm.k);
    return checked("response norm", [&] {
#if DNNL_VERSION_MAJOR >= 3
        dnnl::lrn_forward::primitive_desc const desc(impl_->engine, kind, algorithm, tensor, tensor, norm.size, alpha,
                                                     beta, k, plain_attributes());
#else
        dnnl::lrn_forward::primitive_desc const desc({kind, algorithm, tensor, norm.size, alpha, beta, k},
                                                     plain_attributes(), impl_->engine);
#endif
        return Primitive(std::make_unique<OneDnn>(dnnl::lrn_forward(desc), desc, impl_->engine, impl_->stream));
    });
}

Primitive PrimitiveFactory::softmax(TensorShape shape) const {
    auto const rows = static_cast<memory::dim>(shape.elements()) / shape.c;
    auto const tensor = memory::desc({rows, shape.c}, DataType::f32, Tag::ab);
    auto const kind = dnnl::prop_kind::forward_inference;
    return checked("softmax", [&] {
#if DNNL_VERSION_MAJOR >= 3
        dnnl::softmax_forward::primitive_desc const desc(impl_->engine, kind, dnnl::algorithm::softmax_accurate, tensor,
                                                         tensor, 1, plain_attributes());
#else
        dnnl::softmax_forward::primitive_desc const desc({kind, tensor, 1}, plain_attributes(), impl_->engine);
#endif
        return Primitive(std::make_unique<OneDnn>(dnnl::softmax_forward(desc), desc, impl_->engine, impl_->stream));
    });
}

Primitive PrimitiveFactory::sum(TensorShape shape, Side const& first, Side const& second, Side const& gives,
                                Activation const& activation) const {
    auto attributes = plain_attributes();
    bool const quantised = size_of(gives.type) == 1;
    dnnl::post_ops operations;
    if (activation) append(operations, *activation, quantised ? gives.unit : 1);
#if DNNL_VERSION_MAJOR >= 3
    if (quantised)
        for (int const argument : {DNNL_ARG_SRC_0, DNNL_ARG_SRC_1, DNNL_ARG_DST})
            attributes.set_scales_mask(argument, 0);
#else
    // Real numbers come to the activation, which gives the destination's units.
    bool const has_function = activation.has_value();
    if (quantised) {
        attributes.set_scales(DNNL_ARG_SRC_0, 0, {first.unit / (has_function ? 1 : gives.unit)});
        attributes.set_scales(DNNL_ARG_SRC_1, 0, {second.unit / (has_function ? 1 : gives.unit)});
    }
#endif
    attributes.set_post_ops(operations);
    auto const one = activation_desc(shape, first.type), other = activation_desc(shape, second.type),
               to = activation_desc(shape, gives.type);
    return checked("sum", [&] {
#if DNNL_VERSION_MAJOR >= 3
        dnnl::binary::primitive_desc const desc(impl_->engine, dnnl::algorithm::binary_add, one, other, to, attributes);
#else
        dnnl::binary::primitive_desc const desc({dnnl::algorithm::binary_add, one, other, to}, attributes,
                                                impl_->engine);
#endif
        auto impl = std::make_unique<OneDnn>(dnnl::binary(desc), desc, impl_->engine, impl_->stream);
        impl->second = placeholder(desc.src_desc(1), impl_->engine);
        impl->arguments.emplace(DNNL_ARG_SRC_1, impl->second);
#if DNNL_VERSION_MAJOR >= 3
        if (quantised) {
            impl->add_scales(DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC_0, {first.unit}, impl_->engine);
            impl->add_scales(DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC_1, {second.unit}, impl_->engine);
            impl->add_scales(DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, {gives.unit}, impl_->engine);
        }
#endif
        return Primitive(std::move(impl));
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
