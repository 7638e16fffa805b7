#include "kernels/packed_weights.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
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

// Places along the first axis; none: all.
std::vector<float> rows_of(std::vector<float> values, std::size_t row, std::optional<Range> const& rows) {
    if (!rows) return values;
    auto const at = [&](int place) { return values.begin() + static_cast<std::ptrdiff_t>(row) * place; };
    return {at(rows->begin), at(rows->end)};
}

Line line_of(Scaling const& scaling, WeightSource& source) {
    auto const read = [&](char const* what) {
        return rows_of(source.read(scaling.weights + what).values, 1, scaling.channels);
    };
    auto const gamma = read(".weight"), beta = read(".bias");
    Line line{{gamma.begin(), gamma.end()}, {beta.begin(), beta.end()}};
    if (!scaling.epsilon) return line;
    auto const mean = read(".running_mean"), variance = read(".running_var");
    for (std::size_t c = 0; c < gamma.size(); ++c) {
        line.scale[c] /= std::sqrt(variance.at(c) + *scaling.epsilon);
        line.shift[c] -= mean.at(c) * line.scale[c];
    }
    return line;
}

// With all of its input channels.
Folded fold(Convolution const& c, WeightSource& source) {
    auto const channels = static_cast<std::size_t>(c.out_channels);
    auto weights = source.read(c.weights + ".weight");
    auto const row = weights.values.size() / weights.shape.front();
    Folded folded{rows_of(std::move(weights.values), row, c.outputs), std::vector<float>(channels)};
    if (c.has_bias) folded.bias = rows_of(source.read(c.weights + ".bias").values, 1, c.outputs);
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

// Of [O, I / groups, kernel_h, kernel_w] the input channels that a part reads.
template <class Number>
std::vector<Number> of_inputs(Convolution const& c, std::vector<Number> all) {
    if (!c.inputs) return all;
    auto const pixels = static_cast<std::size_t>(c.kernel_h * c.kernel_w);
    auto const row = all.size() / static_cast<std::size_t>(c.out_channels);
    auto const begin = static_cast<std::size_t>(c.inputs->begin) * pixels;
    auto const count = static_cast<std::size_t>(c.inputs->size()) * pixels;
    if (count == row) return all;
    std::vector<Number> some;
    some.reserve(all.size() / row * count);
    for (auto from = all.begin(); from != all.end(); from += static_cast<std::ptrdiff_t>(row)) {
        auto const first = from + static_cast<std::ptrdiff_t>(begin);
        some.insert(some.end(), first, first + static_cast<std::ptrdiff_t>(count));
    }
    return some;
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
        std::optional<WeightFormat> format;  // of convolutions
        float input_scale = 0;               // int8 only
        bool packs = true;
    };
    std::map<std::string, Item, std::less<>> items;
    // Where the same weights lie in the same format already: the name of the convolution that packs them.
    std::map<std::string, std::string> packed;
    std::map<TensorId, double> ranges;  // int8 only
    std::size_t bytes = 0;
    std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a

    Item const& at(std::string_view name) const {
        auto const found = items.find(name);
        SKIPSTONE_EXPECT(found != items.end());
        return found->second;
    }

    void add_to_digest(std::string const& text) {
        for (char letter : text) digest = (digest ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
    }

    std::size_t room(std::size_t size) {
        auto const begin = bytes;
        bytes += aligned(size);
        return begin;
    }

    float scale(TensorId range, ElementType type) const {
        auto const found = ranges.find(range);
        SKIPSTONE_EXPECT(found != ranges.end());
        return static_cast<float>(found->second / (type == ElementType::int8 ? 127 : 255));
    }

    // algorithm: of each convolution.
    template <class Algorithm>
    void add(Piece const& piece, std::optional<Ranges> const& all_ranges, Algorithm const& algorithm) {
        for (auto const& c : convolutions(piece)) {
            bool const quantised = c.precision == Precision::int8;
            auto const source = quantised ? piece.eight_bits(c.reads) : activation_type(c.precision);
            Item item{{}, make_format(c, algorithm(c), source)};
            if (quantised) item.input_scale = scale(all_ranges->of(piece.whole(c.reads)), source);
            add(c, std::move(item));
        }
        for (auto const& op : channel_operators(piece)) {
            auto const channels = static_cast<std::size_t>(op.channels) * sizeof(float);
            Entry entry;
            entry.weights = room(channels);
            entry.bias = op.is_prelu ? bytes : room(channels);
            entry.scales = bytes;
            add_to_digest(op.name + "\n");
            put(op.name, Item{entry, std::nullopt});
        }
    }

  private:
    // Names are unique within a graph; heads have graphs of their own.
    void put(std::string const& name, Item item) {
        if (!items.emplace(name, std::move(item)).second)
            throw InputError("two operators are called \"" + name +
                             "\"; those of an exit's head need names that the network and other heads do not have");
    }

    static std::string text(std::optional<Range> const& range) {
        return range ? " " + std::to_string(range->begin) + ":" + std::to_string(range->end) : "";
    }

    void add(Convolution const& c, Item item) {
        auto const description = item.format->description();
        auto key = c.weights + text(c.outputs) + text(c.inputs) + (c.has_bias ? " with bias\n" : "\n") + description +
                   "\n" + std::to_string(std::bit_cast<std::uint32_t>(item.input_scale));
        for (auto const& [weights, epsilon, channels] : c.scalings)
            key += "\n" + weights + text(channels) +
                   (epsilon ? " " + std::to_string(std::bit_cast<std::uint64_t>(*epsilon)) : "");
        auto const [first, is_new] = packed.emplace(std::move(key), c.name);
        item.packs = is_new;
        if (is_new) {
            auto const channels = static_cast<std::size_t>(c.out_channels) * sizeof(float);
            item.entry.weights = room(item.format->bytes());
            item.entry.bias = room(channels);
            item.entry.scales = c.precision == Precision::int8 ? room(channels) : bytes;
        } else {
            item.entry = at(first->second).entry;
        }
        add_to_digest(c.name + " " + description + "\n");
        put(c.name, std::move(item));
    }
};

PackLayout::PackLayout(Network const& network, ConvolutionChoices const& choices, Calibration const& calibration) {
    auto impl = std::make_shared<Impl>();
    impl_ = impl;
    std::optional<Ranges> ranges;
    if (network.precision() == Precision::int8) {
        check_calibration(calibration, network);
        ranges.emplace(network);
        for (auto const tensor : ranges->calibrated()) {
            auto const& name = ranges->name(tensor);
            auto const range = impl->ranges[tensor] = calibration.ranges.at(name);
            auto const unit = static_cast<float>(range / ranges->largest_value(tensor));
            impl->add_to_digest(name + " " + std::to_string(std::bit_cast<std::uint32_t>(unit)) + "\n");
        }
    }
    auto const chosen = [&](Convolution const& c) {
        auto const found = choices.find(c.name);
        return found == choices.end() ? ConvolutionAlgorithm::direct : found->second;
    };
    for (std::size_t b = 0; b < network.all_blocks(); ++b) impl->add(Piece::block(network, BlockId(b)), ranges, chosen);
}

PackLayout::PackLayout(PackLayout const& whole, Piece const& part) {
    auto impl = std::make_shared<Impl>();
    impl_ = impl;
    impl->ranges = whole.impl_->ranges;
    std::optional<Ranges> ranges;
    if (part.precision() == Precision::int8) ranges.emplace(part.network());
    impl->add(part, ranges, [&](Convolution const& c) {
        auto const algorithm = whole.format(c.name).algorithm();
        return is_available(c, algorithm) ? algorithm : ConvolutionAlgorithm::direct;
    });
}

float PackLayout::scale(TensorId range, ElementType type) const {
    return impl_->scale(range, type);
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

PackLayout::Entry PackLayout::entry(std::string_view name) const {
    return impl_->at(name).entry;
}

bool PackLayout::has(std::string_view name) const {
    return impl_->items.contains(name);
}

bool PackLayout::packs(std::string_view convolution) const {
    return impl_->at(convolution).packs;
}

float PackLayout::input_scale(std::string_view convolution) const {
    return impl_->at(convolution).input_scale;
}

WeightFormat const& PackLayout::format(std::string_view convolution) const {
    auto const& format = impl_->at(convolution).format;
    SKIPSTONE_EXPECT(format.has_value());
    return *format;
}

void pack(Piece const& piece, PackLayout const& layout, WeightSource& source, std::span<std::byte> memory) {
    SKIPSTONE_EXPECT(memory.size() >= layout.bytes());
    auto const put = [&](std::vector<float> const& values, std::size_t offset) {
        std::ranges::copy(std::as_bytes(std::span(values)), memory.subspan(offset).begin());
    };
    for (auto const& c : convolutions(piece)) {
        if (!layout.packs(c.name)) continue;
        auto folded = fold(c, source);
        auto const& format = layout.format(c.name);
        auto const entry = layout.entry(c.name);
        auto const weights = memory.subspan(entry.weights, format.bytes());
        if (c.precision != Precision::int8) {
            auto const plain = of_inputs(c, std::move(folded.weights));
            format.pack(std::as_bytes(std::span(plain)), weights);
            put(folded.bias, entry.bias);
            continue;
        }
        auto quantised = quantise(folded);
        auto const plain = of_inputs(c, std::move(quantised.weights));
        format.pack(std::as_bytes(std::span(plain)), weights);
        for (auto& unit : quantised.units) unit *= layout.input_scale(c.name);
        put(stored_bias(folded.bias, quantised.units), entry.bias);
        put(quantised.units, entry.scales);
    }
    for (auto const& op : channel_operators(piece)) {
        auto const entry = layout.entry(op.name);
        if (op.is_prelu) {
            put(rows_of(source.read(op.scaling.weights + ".weight").values, 1, op.scaling.channels), entry.weights);
            continue;
        }
        auto const line = line_of(op.scaling, source);
        put({line.scale.begin(), line.scale.end()}, entry.weights);
        put({line.shift.begin(), line.shift.end()}, entry.bias);
    }
}

void pack_block(Network const& network, PackLayout const& layout, WeightSource& source, BlockId block,
                std::span<std::byte> memory) {
    pack(Piece::block(network, block), layout, source, memory);
}

void pack(Network const& network, PackLayout const& layout, WeightSource& source, std::span<std::byte> memory) {
    for (std::size_t b = 0; b < network.all_blocks(); ++b) pack_block(network, layout, source, BlockId(b), memory);
}

}  // namespace skipstone::kernels
