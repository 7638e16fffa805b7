#include "kernels/packed_weights.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "kernels/host.hpp"
#include "kernels/primitives.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

std::size_t aligned(std::size_t bytes) {
    return (bytes + Buffer::alignment - 1) / Buffer::alignment * Buffer::alignment;
}

struct Folded {
    std::vector<float> weights;  // [O, I / groups, kernel_h, kernel_w]
    std::vector<float> bias;
};

// y = scale x + shift, per channel.
struct Line {
    std::vector<double> scale, shift;
};

Line line_of(Scaling const& scaling, WeightSource& source) {
    auto const gamma = source.read(scaling.weights + ".weight").values;
    auto const beta = source.read(scaling.weights + ".bias").values;
    Line line{{gamma.begin(), gamma.end()}, {beta.begin(), beta.end()}};
    if (!scaling.epsilon) return line;
    auto const mean = source.read(scaling.weights + ".running_mean").values;
    auto const variance = source.read(scaling.weights + ".running_var").values;
    for (std::size_t c = 0; c < gamma.size(); ++c) {
        line.scale[c] /= std::sqrt(variance.at(c) + *scaling.epsilon);
        line.shift[c] -= mean.at(c) * line.scale[c];
    }
    return line;
}

Folded fold(Convolution const& c, WeightSource& source) {
    auto const channels = static_cast<std::size_t>(c.out_channels);
    Folded folded{source.read(c.weights + ".weight").values, std::vector<float>(channels)};
    if (c.has_bias) folded.bias = source.read(c.weights + ".bias").values;
    auto const per_channel = folded.weights.size() / channels;
    for (auto const& scaling : c.scalings) {
        auto const line = line_of(scaling, source);
        for (std::size_t o = 0; o < channels; ++o) {
            double const scale = line.scale.at(o);
            folded.bias[o] = static_cast<float>(line.shift.at(o) + folded.bias[o] * scale);
            for (auto& w : std::span(folded.weights).subspan(o * per_channel, per_channel))
                w = static_cast<float>(w * scale);
        }
    }
    return folded;
}

// 8-bit weights [O, I / groups, kernel_h, kernel_w] and, for each output channel, what one unit of them is worth.
struct Quantised {
    std::vector<std::int8_t> weights;
    std::vector<float> units;
};

Quantised quantise(Folded const& folded) {
    // A channel that is nothing beside the others (trained ones can fade to 1e-38) is not worth units of its own.
    constexpr float faintest = 0x1p-20F;
    auto const largest = [](std::span<float const> values) {
        float most = 0;
        for (float v : values) most = std::max(most, std::abs(v));
        return most;
    };
    auto const limit = static_cast<float>(PackLayout::largest_weight());
    auto const of_all = largest(folded.weights);
    auto const floor = of_all > 0 ? of_all * faintest : 1.0F;
    auto const per_channel = folded.weights.size() / folded.bias.size();
    Quantised quantised{std::vector<std::int8_t>(folded.weights.size()), {}};
    for (std::size_t o = 0; o < folded.bias.size(); ++o) {
        auto const channel = std::span(folded.weights).subspan(o * per_channel, per_channel);
        auto const unit = std::max(largest(channel), floor) / limit;
        quantised.units.push_back(unit);
        for (std::size_t i = 0; i < per_channel; ++i)
            quantised.weights[o * per_channel + i] = static_cast<std::int8_t>(std::nearbyint(channel[i] / unit));
    }
    return quantised;
}

WeightFormat make_format(Convolution const& c, ConvolutionAlgorithm algorithm, ElementType source) {
    try {
        return {c, algorithm, source};
    } catch (EnvironmentError const& error) {
        if (c.precision == Precision::float32) throw;
        throw InputError("precision " + std::string(to_string(c.precision)) +
                         ": cannot be computed on a processor with " + instruction_set() +
                         "; choose another (bfloat16 needs AVX-512). " + error.what());
    }
}

}  // namespace

struct PackLayout::Impl {
    struct Item {
        Entry entry;
        WeightFormat format;
        float input_scale = 0;  // int8 only
    };
    std::map<std::string, Item, std::less<>> items;
    std::map<std::string, float, std::less<>> scales;  // int8 only
    std::size_t bytes = 0;
    std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a
};

PackLayout::PackLayout(Network const& network, ConvolutionChoices const& choices, Calibration const& calibration) {
    auto impl = std::make_shared<Impl>();
    auto const digest = [&](std::string const& text) {
        for (char letter : text) impl->digest = (impl->digest ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
    };
    if (network.precision() == Precision::int8) {
        check_calibration(calibration, network);
        for (auto const& tensor : calibrated_tensors(network)) {
            auto const scale = static_cast<float>(calibration.ranges.at(tensor) / largest_value(network, tensor));
            impl->scales.emplace(tensor, scale);
            digest(tensor + " " + std::to_string(std::bit_cast<std::uint32_t>(scale)) + "\n");
        }
    }
    for (std::size_t b = 0; b < network.size(); ++b)
        for (auto const& c : convolutions(network, BlockId(b))) {
            auto const chosen = choices.find(c.name);
            auto const algorithm = chosen == choices.end() ? ConvolutionAlgorithm::direct : chosen->second;
            bool const quantised = c.precision == Precision::int8;
            bool const has_sign = network.graph().at(c.reads).is_negative_somewhere;
            auto format =
                make_format(c, algorithm, quantised && has_sign ? ElementType::int8 : activation_type(c.precision));
            auto const channels = aligned(static_cast<std::size_t>(c.out_channels) * sizeof(float));
            Entry entry;
            entry.weights = impl->bytes;
            entry.bias = entry.weights + aligned(format.bytes());
            entry.scales = entry.bias + channels;
            impl->bytes = entry.scales + (quantised ? channels : 0);
            digest(c.name + " " + format.description() + "\n");
            auto const input = quantised ? impl->scales.at(range_name(network, c.reads)) : 0.0F;
            impl->items.emplace(c.name, Impl::Item{entry, std::move(format), input});
        }
    impl_ = std::move(impl);
}

float PackLayout::scale(std::string_view tensor) const {
    auto const found = impl_->scales.find(tensor);
    SKIPSTONE_EXPECT(found != impl_->scales.end());
    return found->second;
}

int PackLayout::largest_weight() {
    return has_wide_sums() ? 127 : 63;
}

std::size_t PackLayout::bytes() const {
    return impl_->bytes;
}

std::uint64_t PackLayout::digest() const {
    return impl_->digest;
}

PackLayout::Entry PackLayout::entry(std::string_view convolution) const {
    auto const found = impl_->items.find(convolution);
    SKIPSTONE_EXPECT(found != impl_->items.end());
    return found->second.entry;
}

float PackLayout::input_scale(std::string_view convolution) const {
    auto const found = impl_->items.find(convolution);
    SKIPSTONE_EXPECT(found != impl_->items.end());
    return found->second.input_scale;
}

WeightFormat const& PackLayout::format(std::string_view convolution) const {
    auto const found = impl_->items.find(convolution);
    SKIPSTONE_EXPECT(found != impl_->items.end());
    return found->second.format;
}

void pack_block(Network const& network, PackLayout const& layout, WeightSource& source, BlockId block,
                std::span<std::byte> memory) {
    SKIPSTONE_EXPECT(memory.size() >= layout.bytes());
    for (auto const& c : convolutions(network, block)) {
        auto const folded = fold(c, source);
        auto const& format = layout.format(c.name);
        auto const entry = layout.entry(c.name);
        auto const weights = memory.subspan(entry.weights, format.bytes());
        if (c.precision != Precision::int8) {
            format.pack(std::as_bytes(std::span(folded.weights)), weights);
            std::ranges::copy(std::as_bytes(std::span(folded.bias)), memory.subspan(entry.bias).begin());
            continue;
        }
        auto quantised = quantise(folded);
        format.pack(std::as_bytes(std::span(quantised.weights)), weights);
        for (auto& unit : quantised.units) unit *= layout.input_scale(c.name);
        auto const bias = stored_bias(folded.bias, quantised.units);
        std::ranges::copy(std::as_bytes(std::span(bias)), memory.subspan(entry.bias).begin());
        std::ranges::copy(std::as_bytes(std::span(quantised.units)), memory.subspan(entry.scales).begin());
    }
}

void pack(Network const& network, PackLayout const& layout, WeightSource& source, std::span<std::byte> memory) {
    for (std::size_t b = 0; b < network.size(); ++b) pack_block(network, layout, source, BlockId(b), memory);
}

}  // namespace skipstone::kernels
