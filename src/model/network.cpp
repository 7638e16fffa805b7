#include "model/network.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "units/error.hpp"

namespace skipstone {

namespace {

Convolution convolution(std::string name, std::string batch_norm, TensorShape input, int out_channels, int kernel,
                        int stride, Precision precision) {
    Convolution c;
    c.precision = precision;
    c.name = std::move(name);
    c.batch_norm = std::move(batch_norm);
    c.in_channels = input.c;
    c.out_channels = out_channels;
    c.kernel = kernel;
    c.stride = stride;
    c.padding = kernel / 2;
    c.in_height = input.h;
    c.in_width = input.w;
    c.out_height = (input.h + 2 * c.padding - kernel) / stride + 1;
    c.out_width = (input.w + 2 * c.padding - kernel) / stride + 1;
    return c;
}

TensorShape output_of(Convolution const& c) {
    return {1, c.out_height, c.out_width, c.out_channels};
}

// Sums of Eq. 1 and 2 over the block's convolutions.
void account(Block& block) {
    for (auto const& c : block.path) {
        block.macs += c.macs();
        block.memory_bytes += c.input_bytes();
        block.weight_bytes += c.weight_bytes();
    }
    if (block.projection) {
        block.skip_macs = block.projection->macs();
        block.skip_memory_bytes = block.projection->input_bytes();
        block.macs += block.skip_macs;
        block.memory_bytes += block.skip_memory_bytes;
        block.weight_bytes += block.projection->weight_bytes();
    }
    block.output_bytes = block.output.bytes(activation_type(block.path.back().precision));
}

Block make_stem(NetworkProfile const& profile) {
    Block block;
    block.name = "stem";
    block.role = Block::Role::stem;
    block.input = {1, profile.input, profile.input, 3};
    bool const imagenet = profile.stem == StemKind::imagenet;
    block.path.push_back(
        convolution("conv1", "bn1", block.input, profile.width, imagenet ? 7 : 3, imagenet ? 2 : 1, profile.precision));
    block.output = output_of(block.path.front());
    if (imagenet) {  // 3x3 max-pool, stride 2, padding 1
        block.output.h = (block.output.h - 1) / 2 + 1;
        block.output.w = (block.output.w - 1) / 2 + 1;
    }
    account(block);
    return block;
}

Block make_residual(NetworkProfile const& profile, int stage, int index, TensorShape input) {
    Block block;
    block.name = "s" + std::to_string(stage + 2) + "b" + std::to_string(index + 1);
    block.input = input;
    int const inner = profile.width << stage;
    int const outer = inner * profile.expansion;
    int const stride = stage > 0 && index == 0 ? 2 : 1;
    std::string const prefix = "layer" + std::to_string(stage + 1) + "." + std::to_string(index) + ".";
    auto add = [&](int channels, int kernel, int stride_here) {
        auto const number = std::to_string(block.path.size() + 1);
        auto const from = block.path.empty() ? input : output_of(block.path.back());
        block.path.push_back(convolution(prefix + "conv" + number, prefix + "bn" + number, from, channels, kernel,
                                         stride_here, profile.precision));
    };
    if (profile.block == BlockKind::bottleneck) {
        bool const first = profile.variant == Variant::v1;
        add(inner, 1, first ? stride : 1);
        add(inner, 3, first ? 1 : stride);
        add(outer, 1, 1);
    } else {
        add(inner, 3, stride);
        add(outer, 3, 1);
    }
    block.output = output_of(block.path.back());
    if (stride == 1 && input.c == outer) {
        block.shortcut = Shortcut::identity;
    } else {
        block.shortcut = profile.shortcut;
        if (block.shortcut == Shortcut::projection)
            block.projection = convolution(prefix + "downsample.0", prefix + "downsample.1", input, outer, 1, stride,
                                           profile.precision);
    }
    account(block);
    return block;
}

Block make_head(NetworkProfile const& profile, TensorShape input) {
    Block block;
    block.name = "head";
    block.role = Block::Role::head;
    block.input = input;
    bool const imagenet = profile.stem == StemKind::imagenet;
    block.path.push_back(
        convolution(imagenet ? "fc" : "linear", "", {1, 1, 1, input.c}, profile.classes, 1, 1, Precision::float32));
    block.output = output_of(block.path.front());
    account(block);
    return block;
}

void validate(NetworkProfile const& profile) {
    auto fail = [&](std::string const& message) { throw InputError("network " + profile.name + ": " + message); };
    if (profile.stages.empty() || profile.stages.size() > 8) fail("stages must list 1 to 8 stages");
    if (std::ranges::any_of(profile.stages, [](int blocks) { return blocks < 1 || blocks > 1000; }))
        fail("every stage needs 1 to 1000 blocks");
    if (profile.width < 1 || profile.width > 4096) fail("width must be 1 to 4096");
    if (profile.expansion < 1 || profile.expansion > 64) fail("expansion must be 1 to 64");
    if (profile.input < 1 || profile.input > 4096) fail("input must be 1 to 4096 pixels");
    if (profile.classes < 1 || profile.classes > 1'000'000) fail("classes must be 1 to 1000000");
    if (profile.shortcut != Shortcut::projection && profile.shortcut != Shortcut::zero_pad)
        fail("shortcut must be \"projection\" or \"zero-pad\"");
}

// So that sums over its blocks cannot overflow.
void require_countable(Network const& network) {
    double macs = 0, bytes = 0;
    for (auto const& block : network.blocks()) {
        macs += static_cast<double>(block.macs.value());
        bytes += static_cast<double>((block.memory_bytes + block.output_bytes + block.weight_bytes).value());
    }
    if (macs > static_cast<double>(largest_amount) || bytes > static_cast<double>(largest_amount))
        throw InputError("network " + network.name() + ": it is too large; its blocks together may have at most " +
                         std::to_string(largest_amount) + " MACs and bytes");
}

}  // namespace

Macs Convolution::macs() const {
    return Macs(std::int64_t{in_channels} * kernel * kernel * out_channels * out_height * out_width);
}

Bytes Convolution::input_bytes() const {
    return TensorShape{1, in_height, in_width, in_channels}.bytes(activation_type(precision));
}

Bytes Convolution::weight_bytes() const {
    return TensorShape{out_channels, kernel, kernel, in_channels}.bytes(activation_type(precision));
}

Network::Network(NetworkProfile profile) : profile_(std::move(profile)) {
    validate(profile_);
    blocks_.push_back(make_stem(profile_));
    for (int stage = 0; stage < static_cast<int>(profile_.stages.size()); ++stage)
        for (int index = 0; index < profile_.stages[static_cast<std::size_t>(stage)]; ++index)
            blocks_.push_back(make_residual(profile_, stage, index, blocks_.back().output));
    blocks_.push_back(make_head(profile_, blocks_.back().output));
    require_countable(*this);
}

std::optional<BlockId> Network::find(std::string_view name) const {
    auto const found = std::ranges::find(blocks_, name, &Block::name);
    if (found == blocks_.end()) return std::nullopt;
    return BlockId(static_cast<std::size_t>(found - blocks_.begin()));
}

std::vector<Network::WeightTensor> Network::weight_tensors() const {
    std::vector<WeightTensor> tensors;
    auto size = [](int n) { return static_cast<std::size_t>(n); };
    auto add = [&](Convolution const& c) {
        if (c.batch_norm.empty()) {
            tensors.push_back({c.name + ".weight", {size(c.out_channels), size(c.in_channels)}});
            tensors.push_back({c.name + ".bias", {size(c.out_channels)}});
            return;
        }
        tensors.push_back(
            {c.name + ".weight", {size(c.out_channels), size(c.in_channels), size(c.kernel), size(c.kernel)}});
        for (auto const* statistic : {".weight", ".bias", ".running_mean", ".running_var"})
            tensors.push_back({c.batch_norm + statistic, {size(c.out_channels)}});
    };
    for (auto const& block : blocks_) {
        for (auto const& c : block.path) add(c);
        if (block.projection) add(*block.projection);
    }
    return tensors;
}

Macs Network::total_macs() const {
    Macs total{};
    for (auto const& block : blocks_) total += block.macs;
    return total;
}

Bytes Network::input_bytes() const {
    return input_shape().bytes(activation_type(precision()));
}

ElementType Network::output_type(BlockId id) const {
    return activation_type(block(id).path.back().precision);
}

std::string_view to_string(BlockMode mode) {
    switch (mode) {
        case BlockMode::full:
            return "full";
        case BlockMode::skip:
            return "skip";
        case BlockMode::direct:
            return "direct";
    }
    return "?";
}

std::string_view to_string(Variant variant) {
    return variant == Variant::v1 ? "v1" : "v1.5";
}

}  // namespace skipstone
