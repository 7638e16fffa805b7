#include "kernels/packed_weights.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "kernels/primitives.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

constexpr double batch_norm_epsilon = 1e-5;  // torchvision's

std::size_t aligned(std::size_t bytes) {
    return (bytes + Buffer::alignment - 1) / Buffer::alignment * Buffer::alignment;
}

std::vector<Convolution const*> convolutions(Block const& block) {
    std::vector<Convolution const*> all;
    for (auto const& c : block.path) all.push_back(&c);
    if (block.projection) all.push_back(&*block.projection);
    return all;
}

struct Folded {
    std::vector<float> weights;  // [O,I,k,k]
    std::vector<float> bias;
};

Folded fold(Convolution const& c, WeightSource& source) {
    Folded folded{source.read(c.name + ".weight").values, {}};
    if (c.batch_norm.empty()) {
        folded.bias = source.read(c.name + ".bias").values;
        return folded;
    }
    auto const gamma = source.read(c.batch_norm + ".weight").values;
    auto const beta = source.read(c.batch_norm + ".bias").values;
    auto const mean = source.read(c.batch_norm + ".running_mean").values;
    auto const variance = source.read(c.batch_norm + ".running_var").values;
    auto const channels = static_cast<std::size_t>(c.out_channels);
    auto const per_channel = folded.weights.size() / channels;
    folded.bias.resize(channels);
    for (std::size_t o = 0; o < channels; ++o) {
        double const scale = gamma.at(o) / std::sqrt(variance.at(o) + batch_norm_epsilon);
        folded.bias[o] = static_cast<float>(beta.at(o) - mean.at(o) * scale);
        for (auto& w : std::span(folded.weights).subspan(o * per_channel, per_channel))
            w = static_cast<float>(w * scale);
    }
    return folded;
}

}  // namespace

struct PackLayout::Impl {
    struct Item {
        Entry entry;
        WeightFormat format;
    };
    std::map<std::string, Item, std::less<>> items;
    std::size_t bytes = 0;
    std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a
};

PackLayout::PackLayout(Network const& network, ConvolutionChoices const& choices) {
    auto impl = std::make_shared<Impl>();
    for (auto const& block : network.blocks()) {
        for (auto const* c : convolutions(block)) {
            auto const chosen = choices.find(c->name);
            WeightFormat format(*c, chosen == choices.end() ? ConvolutionAlgorithm::direct : chosen->second);
            Entry entry;
            entry.weights = impl->bytes;
            entry.bias = entry.weights + aligned(format.bytes());
            impl->bytes = entry.bias + aligned(static_cast<std::size_t>(c->out_channels) * sizeof(float));
            for (char letter : c->name + " " + format.description() + "\n")
                impl->digest = (impl->digest ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
            impl->items.emplace(c->name, Impl::Item{entry, std::move(format)});
        }
    }
    impl_ = std::move(impl);
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

WeightFormat const& PackLayout::format(std::string_view convolution) const {
    auto const found = impl_->items.find(convolution);
    SKIPSTONE_EXPECT(found != impl_->items.end());
    return found->second.format;
}

void pack_block(Network const& network, PackLayout const& layout, WeightSource& source, BlockId block,
                std::span<std::byte> memory) {
    SKIPSTONE_EXPECT(memory.size() >= layout.bytes());
    for (auto const* c : convolutions(network.block(block))) {
        auto const folded = fold(*c, source);
        auto const& format = layout.format(c->name);
        auto const entry = layout.entry(c->name);
        format.pack(folded.weights, memory.subspan(entry.weights, format.bytes()));
        std::ranges::copy(std::as_bytes(std::span(folded.bias)), memory.subspan(entry.bias).begin());
    }
}

void pack(Network const& network, PackLayout const& layout, WeightSource& source, std::span<std::byte> memory) {
    for (std::size_t b = 0; b < network.size(); ++b) pack_block(network, layout, source, BlockId(b), memory);
}

}  // namespace skipstone::kernels
