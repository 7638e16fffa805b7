#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cases.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/network_kernels.hpp"
#include "kernels/piece.hpp"
#include "kernels/primitives.hpp"
#include "model/calibration.hpp"
#include "model/part_graph.hpp"
#include "networks.hpp"
#include "networks/mobilenet.hpp"
#include "networks/vgg.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

// Parts of blocks, joined, against the blocks: every kind of operator, every way to split it.
namespace {

constexpr std::array kinds{Split::Kind::outputs, Split::Kind::inputs, Split::Kind::rows, Split::Kind::tiles};

// Each part reads weights as one process of many does: from a source of its own.
class Borrowed : public WeightSource {
  public:
    explicit Borrowed(WeightSource& source) : source_(source) {}
    WeightValues read(std::string_view name) override { return source_.read(name); }

  private:
    WeightSource& source_;
};

TensorShape batched(TensorShape shape, int batch) {
    return {batch, shape.h, shape.w, shape.c};
}

Tensor box_of(Tensor const& whole, Region const& box) {
    Tensor part(batched(box.shape(), whole.shape().n), whole.type());
    auto const size = size_of(whole.type());
    auto const at = [](TensorShape s, int n, int y, int x, int c) {
        return static_cast<std::size_t>(((n * s.h + y) * s.w + x) * s.c + c);
    };
    auto const to = part.shape();
    for (int n = 0; n < to.n; ++n)
        for (int y = 0; y < to.h; ++y)
            for (int x = 0; x < to.w; ++x)
                std::memcpy(
                    part.bytes().data() + at(to, n, y, x, 0) * size,
                    whole.bytes().data() + at(whole.shape(), n, box.h.begin + y, box.w.begin + x, box.c.begin) * size,
                    static_cast<std::size_t>(to.c) * size);
    return part;
}

// As real numbers; of 8 bits: in units.
std::vector<double> numbers(Tensor const& tensor) {
    std::vector<double> all(tensor.shape().elements());
    auto const* bytes = tensor.bytes().data();
    for (std::size_t i = 0; i < all.size(); ++i) switch (tensor.type()) {
            case ElementType::float32:
                all[i] = tensor.values()[i];
                break;
            case ElementType::bfloat16: {
                std::uint16_t word = 0;
                std::memcpy(&word, bytes + 2 * i, 2);
                auto const bits = std::uint32_t{word} << 16;
                float value = 0;
                std::memcpy(&value, &bits, 4);
                all[i] = value;
                break;
            }
            case ElementType::int8:
                all[i] = static_cast<std::int8_t>(bytes[i]);
                break;
            case ElementType::uint8:
                all[i] = static_cast<double>(bytes[i]);
        }
    return all;
}

// The largest difference: of 8 bits in units; else relative to the largest number.
double difference(Tensor const& one, Tensor const& other) {
    auto const a = numbers(one), b = numbers(other);
    double largest = 0, off = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        largest = std::max(largest, std::abs(b[i]));
        off = std::max(off, std::abs(a[i] - b[i]));
        if (!std::isfinite(a[i])) return std::numeric_limits<double>::infinity();
    }
    if (size_of(one.type()) == 1) return off;
    return off == 0 ? 0 : off / largest;
}

// How far joined parts may be from the block. float32: the same sums in another order. bfloat16: what was rounded once
// more or less often, 8 bits. 8 bits: units; what an int8 network gives in float32 is relative, as of bfloat16.
struct Bounds {
    double relative, units;
};
Bounds bounds_of(Precision precision) {
    if (precision == Precision::float32) return {1e-5, 0};
    if (precision == Precision::bfloat16) return {0.03, 0};
    return {0.05, 3};
}

// A network with its kernels, and what its blocks read when images run through it.
struct Fixture {
    Network network;
    EvenerWeights weights;
    PackLayout layout;
    Buffer memory;
    NetworkKernels kernels;

    explicit Fixture(NetworkProfile const& profile, ConvolutionChoices const& choices = {})
        : network(profile),
          weights(network, 7),
          layout(network, choices, calibration(profile)),
          memory(packed(network, layout, weights)),
          kernels(network, layout, memory.bytes(), [this] { return std::make_unique<Borrowed>(weights); }) {}

    // The largest magnitudes that come up in the float32 network.
    Calibration calibration(NetworkProfile profile) {
        if (profile.precision != Precision::int8) return {};
        profile.precision = Precision::float32;
        Network const exact(profile);
        PackLayout const exact_layout(exact);
        auto const exact_memory = packed(exact, exact_layout, weights);
        NetworkKernels exact_kernels(exact, exact_layout, exact_memory.bytes());
        Calibration measured{"measured", exact.name(), profile.input, "", "", 1, "", {}};
        for (auto const& name : calibrated_tensors(exact)) measured.ranges[name] = 1e-6;
        exact_kernels.observe([&](std::string_view tensor, std::span<float const> values) {
            auto& range = measured.ranges[std::string(tensor)];
            for (float const value : values) range = std::max(range, static_cast<double>(std::abs(value)));
        });
        auto tensor = random_tensor(batched(exact.input_shape(), 2), 13);
        for (std::size_t b = 0; b < exact.size(); ++b)
            tensor = exact_kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
        return measured;
    }
};

struct Tally {
    std::map<Split::Kind, int> joined;
    std::map<Split::Kind, double> worst_relative, worst_units;

    void show(std::string const& what) const {
        for (auto const& [kind, count] : joined)
            BOOST_TEST_MESSAGE(what << ", " << to_string(kind) << ": " << count << " joined, worst relative "
                                    << worst_relative.at(kind) << ", units " << worst_units.at(kind));
    }
};

std::optional<std::vector<Part>> parts_if_possible(Network const& network, BlockId block, Split split) {
    try {
        return parts_of(network, block, split);
    } catch (InputError const&) {
        return std::nullopt;
    }
}

void check_block(Fixture& f, std::string const& what, BlockId block, Split split, Tensor const& input,
                 Tensor const& whole, Tally& tally) {
    auto const parts = parts_if_possible(f.network, block, split);
    if (!parts) return;
    BOOST_REQUIRE(parts->size() == static_cast<std::size_t>(split.parts));
    std::vector<Tensor> given;
    for (int p = 0; p < split.parts; ++p) {
        auto const& part = (*parts)[static_cast<std::size_t>(p)];
        given.push_back(f.kernels.run_part(block, split, p, box_of(input, part.input)));
        BOOST_TEST((given.back().shape() == batched(part.output.shape(), input.shape().n)));
    }
    auto const joined = f.kernels.join(block, split, std::move(given));
    BOOST_TEST((joined.shape() == whole.shape()));
    BOOST_TEST((joined.type() == whole.type()));
    auto const off = difference(joined, whole);
    bool const in_units = size_of(whole.type()) == 1;
    auto const bounds = bounds_of(f.network.precision());
    BOOST_TEST(off <= (in_units ? bounds.units : bounds.relative),
               what << " " << to_string(f.network.precision()) << ", block " << f.network.block(block).name << ", "
                    << to_string(split) << ", batch " << input.shape().n << ": " << off
                    << (in_units ? " units" : " relative"));
    ++tally.joined[split.kind];
    auto& worst = (in_units ? tally.worst_units : tally.worst_relative)[split.kind];
    worst = std::max(worst, off);
    (in_units ? tally.worst_relative : tally.worst_units)[split.kind];
}

void check(std::string const& what, NetworkProfile const& profile, std::vector<int> const& counts, int batch,
           Tally& tally, ConvolutionChoices const& choices = {}) {
    Fixture f(profile, choices);
    auto tensor = random_tensor(batched(f.network.input_shape(), batch), 13);
    for (std::size_t b = 0; b < f.network.size(); ++b) {
        auto const input = std::move(tensor);
        tensor = f.kernels.run(BlockId(b), BlockMode::full, input.clone());
        for (auto const kind : kinds)
            for (int const parts : counts) check_block(f, what, BlockId(b), {kind, parts}, input, tensor, tally);
    }
}

std::vector<Precision> precisions() {
    if (has_bfloat16()) return {Precision::float32, Precision::bfloat16, Precision::int8};
    return {Precision::float32, Precision::int8};
}

// Its blocks, and all of them joined to one: fused tiles.
std::vector<NetworkProfile> finest_and_joined(NetworkProfile profile) {
    auto joined = profile;
    joined.blocks.kind = BlockRule::Kind::stages;
    return {std::move(profile), std::move(joined)};
}

// Blocks have weights; a case that is a pool or an activation alone becomes part of a block.
std::vector<Case> behind_convolutions(std::vector<Case> cases) {
    for (auto& c : cases)
        c.draw = [draw = std::move(c.draw)](Graph::Builder& graph, TensorId from) {
            auto const channels = graph.shape(from).c;
            auto const before = graph.add("before", op::Convolution{square_window(3, 1, 1), channels, 1, true}, {from});
            return draw(graph, before);
        };
    return cases;
}

void check_cases(std::vector<Case> const& cases, std::vector<Split::Kind> const& expected) {
    for (auto const precision : precisions()) {
        Tally tally;
        for (auto const& c : cases)
            for (auto const& profile : finest_and_joined(drawn(c.input, c.draw, precision)))
                check(c.name, profile, {2, 3, 4, 5, 6, 7, 8, 9}, 2, tally);
        tally.show(std::string(to_string(precision)));
        for (auto const kind : expected) BOOST_TEST(tally.joined[kind] > 0, to_string(kind));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parts)

BOOST_AUTO_TEST_CASE(joined_parts_of_convolutions_equal_the_block) {
    check_cases(convolution_cases(), {kinds.begin(), kinds.end()});
}

BOOST_AUTO_TEST_CASE(joined_parts_of_other_operators_equal_the_block) {
    check_cases(behind_convolutions(other_cases()), {Split::Kind::outputs, Split::Kind::rows, Split::Kind::tiles});
}

BOOST_AUTO_TEST_CASE(joined_parts_of_activations_equal_the_block) {
    check_cases(behind_convolutions(activation_cases()), {Split::Kind::outputs, Split::Kind::rows, Split::Kind::tiles});
}

BOOST_AUTO_TEST_CASE(joined_parts_of_graphs_equal_the_block) {
    check_cases(combination_cases(), {kinds.begin(), kinds.end()});
}

BOOST_AUTO_TEST_CASE(joined_parts_of_random_graphs_equal_the_block) {
    for (auto const precision : precisions()) {
        Tally tally;
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            auto const draw = [seed](Graph::Builder& graph, TensorId from) {
                RandomStream stream(seed, "parts");
                return draw_any(graph, from, stream, 2 + static_cast<int>(seed % 7));
            };
            for (auto const& profile : finest_and_joined(drawn({1, 9, 7, 4}, draw, precision)))
                check("graph of seed " + std::to_string(seed), profile, {2, 3, 5}, 1, tally);
        }
        tally.show("random graphs, " + std::string(to_string(precision)));
    }
}

BOOST_AUTO_TEST_CASE(joined_parts_of_real_networks_equal_the_block) {
    NetworkProfile const vgg{
        .name = "vgg16", .family = networks::vgg({.depth = 16, .hidden = {96, 64}}), .input = image_shape(48)};
    NetworkProfile const mobilenet{
        .name = "mobilenet", .family = networks::mobilenet({.version = 2, .width = 0.5}), .input = image_shape(64)};
    for (auto const precision : precisions())
        for (auto profile : {vgg, mobilenet, resnet20()}) {
            profile.precision = precision;
            Tally tally;
            auto const choices =
                precision == Precision::float32 ? standard_choices(Network(profile)) : ConvolutionChoices();
            check(profile.name, profile, {2, 3}, 1, tally, choices);
            tally.show(profile.name + " " + std::string(to_string(precision)));
            // A block that ends with a sum of two tensors is not split by its inputs.
            BOOST_TEST(tally.joined.size() >= 3U);
        }
}

// Parts of the output channels have these channels' weights, and parts of the input channels those.
BOOST_AUTO_TEST_CASE(a_part_holds_its_share_of_the_weights) {
    Fixture f(drawn({1, 6, 6, 64}, [](Graph::Builder& graph, TensorId from) {
        return graph.add("conv", op::Convolution{square_window(3, 1, 1), 128, 1, true}, {from});
    }));
    for (auto const kind : {Split::Kind::outputs, Split::Kind::inputs}) {
        auto const graphs = part_graphs(f.network, BlockId(0), {kind, 4});
        for (auto const& graph : graphs) {
            auto const piece = Piece::part(f.network, BlockId(0), graph, kind == Split::Kind::inputs);
            PackLayout const part(f.layout, piece);
            BOOST_TEST(part.format("conv").bytes() * 4 == f.layout.format("conv").bytes());
            BOOST_TEST(part.bytes() < f.layout.bytes() / 3);
        }
    }
    f.kernels.prepare_part(BlockId(0), {Split::Kind::inputs, 4}, 3, 1);
    f.kernels.prepare_part(BlockId(0), {Split::Kind::inputs, 4}, -1, 1);
}

BOOST_AUTO_TEST_CASE(a_block_that_cannot_be_split_so_is_told) {
    Fixture f(drawn({1, 6, 6, 3}, [](Graph::Builder& graph, TensorId from) {
        return graph.add("dense", op::FullyConnected{4}, {from});
    }));
    BOOST_CHECK_THROW(f.kernels.prepare_part(BlockId(0), {Split::Kind::rows, 2}, 0, 1), InputError);
    BOOST_CHECK_THROW(f.kernels.prepare_part(BlockId(0), {Split::Kind::outputs, 9}, 0, 1), InputError);
}

BOOST_AUTO_TEST_SUITE_END()
