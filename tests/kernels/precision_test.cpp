#include <algorithm>
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/host.hpp"
#include "kernels/primitives.hpp"
#include "kernels/network_kernels.hpp"
#include "kernels/ranges.hpp"
#include "networks.hpp"
#include "networks/chain.hpp"
#include "networks/resnet.hpp"
#include "reference.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

// bfloat16: a block's largest error over its largest output, against double precision with the same input; 8 bits of
// mantissa, and a block rounds three to four times. int8: its largest error over its output's range; weights and what
// is inside are rounded to 1/255 or 1/127 of their largest value; to 1/63 for weights without VNNI, and 1/31 for those
// of the first convolution, which oneDNN halves.
double bound(Precision precision, BlockId block) {
    if (precision == Precision::bfloat16) return 0.025;
    if (PackLayout::largest_weight() == 127) return 0.025;
    return block.index() == 0 ? 0.05 : 2.0 / 63;
}

NetworkProfile in(Precision precision, NetworkProfile profile) {
    profile.precision = precision;
    return profile;
}

std::vector<BlockMode> modes(Block const& block) {
    if (!block.is_droppable()) return {BlockMode::full};
    return {BlockMode::full, BlockMode::skip, BlockMode::direct};
}

// What the blocks of the float32 network read when an image runs through it, and the largest magnitudes that come up
// when each block does with that in all of its modes.
struct Exact {
    std::vector<Tensor> inputs;
    Calibration calibration;
};

Exact run_exactly(NetworkProfile profile, WeightSource& source, int batch) {
    profile.precision = Precision::float32;
    Network const network(profile);
    PackLayout const layout(network);
    auto const memory = packed(network, layout, source);
    NetworkKernels kernels(network, layout, memory.bytes());
    Exact exact{{}, {"measured", network.name(), profile.input, "", "", 1, "", {}}};
    kernels.observe([&](std::string_view tensor, std::span<float const> values) {
        auto& range = exact.calibration.ranges[std::string(tensor)];
        for (float value : values) range = std::max(range, static_cast<double>(std::abs(value)));
    });
    auto shape = network.input_shape();
    shape.n = batch;
    auto tensor = random_tensor(shape, 3);
    for (std::size_t b = 0; b < network.size(); ++b) {
        exact.inputs.push_back(tensor.clone());
        for (auto mode : modes(network.blocks()[b])) {
            auto output = kernels.run(BlockId(b), mode, exact.inputs.back().clone());
            if (mode == BlockMode::full) tensor = std::move(output);
        }
    }
    return exact;
}

// The first images of a batch.
Tensor first_of(Tensor const& all, int batch) {
    auto shape = all.shape();
    shape.n = batch;
    Tensor some(shape);
    std::ranges::copy(all.values().first(shape.elements()), some.values().begin());
    return some;
}

struct Fixture {
    Network network;
    Ranges ranges;
    EvenerWeights weights;
    Exact exact;
    PackLayout layout;
    Buffer memory;
    NetworkKernels kernels;

    Fixture(NetworkProfile const& profile, int batch)
        : network(profile),
          ranges(network),
          weights(network, 7),
          exact(run_exactly(profile, weights, batch)),
          layout(network, {}, exact.calibration),
          memory(packed(network, layout, weights)),
          kernels(network, layout, memory.bytes()) {}

    float scale(BlockId block) const {
        if (network.precision() != Precision::int8) return 1;
        return layout.scale(ranges.of(network.block(block).gives), ElementType::uint8);
    }
    // float32 values as the block hands them on.
    Tensor encode(Tensor const& values, BlockId block) const {
        Tensor coded(values.shape(), network.output_type(block));
        for (std::size_t i = 0; i < values.values().size(); ++i) {
            float const value = values.values()[i];
            if (coded.type() == ElementType::uint8) {
                coded.bytes()[i] = static_cast<std::byte>(std::min(255L, std::lround(value / scale(block))));
            } else {
                auto const word = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
                std::memcpy(coded.bytes().data() + 2 * i, &word, 2);
            }
        }
        return coded;
    }
    double error(Tensor const& coded, Tensor const& expected, BlockId block) const {
        auto const relative = relative_error(decode(coded, block), expected);
        if (coded.type() != ElementType::uint8) return relative;
        return relative * *std::ranges::max_element(expected.values()) / (255 * scale(block));
    }
    Tensor decode(Tensor const& coded, BlockId block) const {
        if (coded.type() == ElementType::float32) return coded.clone();
        Tensor values(coded.shape());
        for (std::size_t i = 0; i < values.values().size(); ++i) {
            if (coded.type() == ElementType::uint8) {
                values.values()[i] = static_cast<float>(coded.bytes()[i]) * scale(block);
            } else {
                std::uint16_t word = 0;
                std::memcpy(&word, coded.bytes().data() + 2 * i, 2);
                values.values()[i] = std::bit_cast<float>(std::uint32_t{word} << 16);
            }
        }
        return values;
    }
};

void check_blocks(NetworkProfile const& profile, std::vector<int> const& batches) {
    Fixture f(profile, *std::ranges::max_element(batches));
    double worst = 0;
    for (int batch : batches)
        for (std::size_t b = 0; b < f.network.size(); ++b) {
            auto const before = BlockId(b == 0 ? 0 : b - 1);
            auto const plain = first_of(f.exact.inputs[b], batch);
            auto const input = b == 0 ? plain.clone() : f.encode(plain, before);
            auto const meant = f.decode(input, before);
            for (auto mode : modes(f.network.blocks()[b])) {
                auto const expected = reference_block(f.network, BlockId(b), mode, f.weights, meant);
                auto const output = f.kernels.run(BlockId(b), mode, input.clone());
                BOOST_TEST((output.type() == f.network.output_type(BlockId(b))));
                auto const error = f.error(output, expected, BlockId(b));
                worst = std::max(worst, error);
                BOOST_TEST(error <= bound(profile.precision, BlockId(b)),
                           f.network.name()
                               << " " << to_string(profile.precision) << " batch " << batch << " "
                               << f.network.blocks()[b].name << " " << to_string(mode) << ": relative error " << error);
            }
        }
    BOOST_TEST_MESSAGE(f.network.name() << " " << to_string(profile.precision) << " " << instruction_set()
                                        << ": worst relative error " << worst);
}

std::vector<Precision> short_precisions() {
    if (has_bfloat16()) return {Precision::bfloat16, Precision::int8};
    return {Precision::int8};
}

std::vector<float> logits(Network const& network, NetworkKernels& kernels) {
    auto tensor = random_tensor(network.input_shape(), 3);
    for (std::size_t b = 0; b < network.size(); ++b)
        tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
    return {tensor.values().begin(), tensor.values().end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(precision)

BOOST_AUTO_TEST_CASE(resnet50_blocks_are_near_the_reference_in_every_precision) {
    for (auto const precision : short_precisions()) check_blocks(in(precision, resnet50(64, {2, 2, 2, 2})), {1, 3});
}

BOOST_AUTO_TEST_CASE(resnet20_blocks_are_near_the_reference_in_every_precision) {
    for (auto const precision : short_precisions()) check_blocks(in(precision, resnet20()), {5, 1});
}

BOOST_AUTO_TEST_CASE(channels_that_fill_no_vector_are_right_in_every_precision) {
    for (auto const precision : short_precisions())
        check_blocks(
            in(precision,
               {.name = "odd",
                .family = networks::resnet(
                    {.stages = {1, 2}, .width = 5, .expansion = 3, .shortcut = networks::ShortcutKind::zero_pad}),
                .input = image_shape(37),
                .classes = 7}),
            {1, 3});
}

// Of images, of one pixel and of what a mean gives; the last one is float32.
BOOST_AUTO_TEST_CASE(hidden_fully_connected_operators_are_near_the_reference_in_every_precision) {
    using networks::Layer;
    auto const full = [](std::optional<int> channels) {
        return Layer{.kind = Layer::Kind::fully_connected, .channels = channels, .activation = Layer::Function::relu};
    };
    auto last = full({});
    last.activation.reset();
    Layer convolution{.kind = Layer::Kind::convolution, .channels = 24, .kernel = {3, 3}, .stride = {1, 1}};
    convolution.activation = Layer::Function::relu;
    std::vector<std::vector<Layer>> const chains{
        {convolution, full(96), full(33), last},
        {full(64), full(32), last},
        {convolution, {.kind = Layer::Kind::global_average}, full(40), last},
    };
    for (auto const precision : short_precisions())
        for (auto const& layers : chains) {
            NetworkProfile profile{.name = "hidden", .family = networks::chain({layers}), .input = {1, 9, 7, 16}};
            check_blocks(in(precision, profile), {1, 3});
            Fixture const f(in(precision, profile), 1);
            int count = 0;
            for (std::size_t b = 0; b < f.network.size(); ++b)
                for (auto const& c : convolutions(f.network, BlockId(b))) {
                    bool const is_last = c.gives == f.network.graph().output();
                    BOOST_TEST((c.precision == (is_last ? Precision::float32 : precision)), c.name);
                    auto const elements = static_cast<std::size_t>(c.out_channels * c.in_channels) *
                                          static_cast<std::size_t>(c.kernel_h * c.kernel_w);
                    auto const plain = elements * (is_last ? sizeof(float) : element_bytes(precision));
                    // oneDNN fills channels up to its vectors.
                    BOOST_TEST(f.layout.format(c.name).bytes() <= 2 * plain + 65536, c.name);
                    ++count;
                }
            BOOST_TEST(count == std::ranges::count_if(layers, &Layer::is_weighted));
        }
}

// What a dropped block would have computed must not be missed: its input stands in its output's place.
BOOST_AUTO_TEST_CASE(a_skipped_identity_block_passes_on_what_a_block_put_out_in_every_precision) {
    for (auto const precision : short_precisions()) {
        Fixture f(in(precision, resnet20()), 1);
        auto const stem = f.kernels.run(BlockId(0), BlockMode::full, f.exact.inputs[0].clone());
        auto const skipped = f.kernels.run(BlockId(1), BlockMode::skip, stem.clone());
        BOOST_TEST((stem.type() == skipped.type()));
        BOOST_TEST(std::ranges::equal(stem.bytes(), skipped.bytes()));
    }
}

// Every product is the largest there can be: two of them do not fit into 16 bits.
BOOST_AUTO_TEST_CASE(large_weights_and_activations_do_not_saturate) {
    class Ones : public WeightSource {
      public:
        explicit Ones(Network const& network) : plain_(network, 1) {}
        WeightValues read(std::string_view name) override {
            auto tensor = plain_.read(name);
            auto const value = tensor.shape.size() > 1 || name.ends_with(".running_var") || name.ends_with(".weight");
            std::ranges::fill(tensor.values, value ? 1.0F : 0.0F);
            return tensor;
        }

      private:
        HeWeights plain_;
    };
    Network const network(in(Precision::int8, resnet20()));
    Ones source(network);
    Calibration calibration{"", network.name(), image_shape(32), "", "", 1, "", {}};
    for (auto const& tensor : calibrated_tensors(network)) calibration.ranges[tensor] = 1000;
    calibration.ranges["layer1.0.conv1"] = 255 * 9 * 16;
    calibration.ranges["stem.output"] = 255;
    PackLayout const layout(network, {}, calibration);
    auto const memory = packed(network, layout, source);
    NetworkKernels kernels(network, layout, memory.bytes());
    Tensor full_range({1, 32, 32, 16}, ElementType::uint8);
    std::ranges::fill(full_range.bytes(), std::byte{255});
    // Inside: 255 everywhere but at the edges; its sum of 9 · 16 of them is far out of the output's range.
    auto const output = kernels.run(BlockId(1), BlockMode::direct, std::move(full_range));
    BOOST_TEST(std::ranges::all_of(output.bytes(), [](std::byte value) { return value == std::byte{255}; }));

    calibration.ranges["stem.output"] = 255.0 * 9 * 16 * 9 * 16;  // now the output fits, and the input is enormous
    PackLayout const wide(network, {}, calibration);
    auto const wide_memory = packed(network, wide, source);
    NetworkKernels wide_kernels(network, wide, wide_memory.bytes());
    Tensor one({1, 32, 32, 16}, ElementType::uint8);
    std::ranges::fill(one.bytes(), std::byte{0});
    auto const zero = wide_kernels.run(BlockId(1), BlockMode::direct, std::move(one));
    BOOST_TEST(std::ranges::all_of(zero.bytes(), [](std::byte value) { return value == std::byte{0}; }));
}

// Wrapped, a value far above a range would come out as any other.
BOOST_AUTO_TEST_CASE(what_lies_far_beyond_the_calibrated_ranges_saturates) {
    Fixture f(in(Precision::int8, resnet20()), 1);
    auto const range = static_cast<float>(f.exact.calibration.ranges.at("input"));
    for (float const factor : {3.0F, 300.0F, 1e12F, 1e30F}) {
        auto beyond = f.exact.inputs[0].clone(), at_the_ends = f.exact.inputs[0].clone();
        for (auto& value : beyond.values()) value *= factor;
        for (auto& value : at_the_ends.values()) value = std::clamp(value * factor, -range * 128 / 127, range);
        auto const output = f.kernels.run(BlockId(0), BlockMode::full, std::move(beyond));
        auto const expected = f.kernels.run(BlockId(0), BlockMode::full, std::move(at_the_ends));
        BOOST_TEST(std::ranges::equal(output.bytes(), expected.bytes()), "image times " << factor);
    }

    for (double const factor : {1e-2, 1e-6, 1e-12}) {  // of what blocks hand on and compute inside
        auto narrow = f.exact.calibration;
        for (auto& [tensor, largest] : narrow.ranges)
            if (tensor != "input") largest *= factor;
        PackLayout const layout(f.network, {}, narrow);
        auto const memory = packed(f.network, layout, f.weights);
        NetworkKernels kernels(f.network, layout, memory.bytes());
        auto tensor = f.exact.inputs[0].clone();
        for (std::size_t b = 0; b < 3; ++b) {
            tensor = kernels.run(BlockId(b), b == 0 ? BlockMode::full : BlockMode::skip, std::move(tensor));
            auto const exact = f.exact.inputs[1].values();  // a skipped block passes on what the stem put out
            auto const large = *std::ranges::max_element(exact) / 20;
            for (std::size_t i = 0; i < exact.size(); ++i)
                if (exact[i] > large && tensor.bytes()[i] != std::byte{255})
                    BOOST_ERROR("factor " << factor << ", block " << b << ": " << exact[i] << " became "
                                          << std::to_integer<int>(tensor.bytes()[i]));
        }
        // Every addend of the sum is at the range's end, or at 0: so is the sum.
        auto const full = kernels.run(BlockId(1), BlockMode::full, tensor.clone());
        for (std::size_t i = 0; i < tensor.bytes().size(); ++i)
            if (tensor.bytes()[i] == std::byte{255} && factor < 1e-3)
                BOOST_TEST((full.bytes()[i] == std::byte{0} || full.bytes()[i] == std::byte{255}));
    }
}

BOOST_AUTO_TEST_CASE(no_kernel_is_oneDNNs_slow_reference_in_any_precision) {
    for (auto const precision : short_precisions())
        for (auto const& profile : {resnet50(), resnet20()}) {
            Fixture f(in(precision, profile), 1);
            for (std::size_t b = 0; b < f.network.size(); ++b) {
                auto const text = f.kernels.implementation(BlockId(b));
                BOOST_TEST(text.find(convolutions(f.network, BlockId(b)).front().name + ": ") != std::string::npos,
                           text);
                BOOST_TEST(text.find("ref") == std::string::npos, text);
            }
        }
}

BOOST_AUTO_TEST_CASE(packed_weights_shrink_with_the_precision_and_have_digests_of_their_own) {
    PackLayout const exact{Network(resnet50())};
    for (auto const precision : short_precisions()) {
        Fixture f(in(precision, resnet50()), 1);
        auto const times = 4.0 / static_cast<double>(element_bytes(precision));
        BOOST_TEST(static_cast<double>(exact.bytes()) / static_cast<double>(f.layout.bytes()) > 0.95 * times);
        BOOST_TEST(exact.digest() != f.layout.digest());
    }
    Network const network(in(Precision::int8, resnet20()));
    Calibration one{"", network.name(), image_shape(32), "", "", 1, "", {}};
    for (auto const& tensor : calibrated_tensors(network)) one.ranges[tensor] = 1;
    auto other = one;
    other.ranges["layer1.0.conv1"] = 2;
    BOOST_TEST(PackLayout(network, {}, one).digest() == PackLayout(network, {}, one).digest());
    BOOST_TEST(PackLayout(network, {}, one).digest() != PackLayout(network, {}, other).digest());
}

BOOST_AUTO_TEST_CASE(instances_agree_to_the_bit_in_every_precision) {
    for (auto const precision : short_precisions()) {
        Fixture f(in(precision, resnet50(96)), 1);
        NetworkKernels second(f.network, f.layout, f.memory.bytes());
        BOOST_TEST(logits(f.network, f.kernels) == logits(f.network, second));
    }
}

BOOST_AUTO_TEST_CASE(ranges_cover_what_a_network_computes) {
    Network const network(resnet20());
    PackLayout const layout(network);
    HeWeights source(network, 5);
    auto const memory = packed(network, layout, source);
    NetworkKernels kernels(network, layout, memory.bytes());
    std::map<std::string, double> largest;
    kernels.observe([&](std::string_view tensor, std::span<float const> values) {
        for (float value : values)
            largest[std::string(tensor)] = std::max(largest[std::string(tensor)], double{std::abs(value)});
    });
    auto const image = [&](std::size_t i) { return random_tensor(network.input_shape(), i); };
    for (std::size_t i = 0; i < 3; ++i) {
        auto tensor = image(i);
        for (std::size_t b = 0; b < network.size(); ++b)
            tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
    }
    auto const ranges = find_ranges(network, kernels, 3, image, [](std::size_t) {});
    BOOST_TEST(ranges.size() == calibrated_tensors(network).size());
    for (auto const& [tensor, range] : ranges) {
        BOOST_TEST(range <= largest.at(tensor) * (1 + 1e-6), tensor);
        BOOST_TEST(range > 0.2 * largest.at(tensor), tensor);
    }
    // Evenly spread values are worth keeping all.
    BOOST_TEST(ranges.at("input") > 0.95);
    BOOST_TEST((find_ranges(network, kernels, 3, image, [](std::size_t) {}) == ranges));
}

BOOST_AUTO_TEST_CASE(a_processor_without_bfloat16_is_told) {
    if (has_bfloat16()) return;
    BOOST_CHECK_EXCEPTION(
        PackLayout(Network(in(Precision::bfloat16, resnet20()))), InputError, [](InputError const& error) {
            return std::string(error.what()).find("precision bfloat16: cannot be computed") != std::string::npos;
        });
}

BOOST_AUTO_TEST_SUITE_END()
