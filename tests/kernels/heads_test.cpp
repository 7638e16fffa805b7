#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/network_kernels.hpp"
#include "kernels/packed_network.hpp"
#include "kernels/ranges.hpp"
#include "networks.hpp"
#include "reference.hpp"
#include "tests/exits.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

constexpr double bound = 2e-5;  // of float32 against double precision, relative to the largest logit

// Heads of every kind, behind blocks of all sizes.
NetworkProfile with_all_kinds(NetworkProfile profile) {
    Network const plain(profile);
    profile.exits = {test::pooled_head(plain, "stem", 4), test::convolutional_head(plain, "s2b2", 12),
                     test::pooled_head(plain, "s3b1", 2), test::pooled_head(plain, "s4b1", 1, true)};
    return profile;
}

NetworkProfile in(Precision precision, NetworkProfile profile) {
    profile.precision = precision;
    return profile;
}

Calibration calibration_of(Network const& network, WeightSource& source) {
    if (network.precision() != Precision::int8) return {};
    auto profile = in(Precision::float32, network.profile());
    profile.exits.clear();
    Network const twin(profile);
    PackLayout const layout(twin);
    auto const memory = packed(twin, layout, source);
    NetworkKernels kernels(twin, layout, memory.bytes());
    Calibration calibration{"test", network.name(), network.input_shape(), "", "", 2, "", {}};
    calibration.ranges = find_ranges(
        twin, kernels, 2, [&](std::size_t i) { return random_tensor(twin.input_shape(), 20 + i); }, [](std::size_t) {});
    return calibration;
}

// What a block hands on, as float32 numbers.
Tensor as_floats(Tensor const& coded, float scale) {
    if (coded.type() == ElementType::float32) return coded.clone();
    Tensor values(coded.shape());
    for (std::size_t i = 0; i < values.values().size(); ++i) {
        auto const* at = coded.bytes().data() + i * size_of(coded.type());
        if (coded.type() == ElementType::bfloat16) {
            std::uint16_t word = 0;
            std::memcpy(&word, at, 2);
            auto const bits = std::uint32_t{word} << 16;
            std::memcpy(&values.values()[i], &bits, 4);
        } else if (coded.type() == ElementType::uint8) {
            values.values()[i] = static_cast<float>(std::to_integer<int>(*at)) * scale;
        } else {
            values.values()[i] = static_cast<float>(static_cast<std::int8_t>(std::to_integer<int>(*at))) * scale;
        }
    }
    return values;
}

void check_heads(NetworkProfile const& profile, int batch) {
    Network const network(with_all_kinds(profile));
    EvenerWeights source(network, 5);
    PackLayout const layout(network, {}, calibration_of(network, source));
    auto const memory = packed(network, layout, source);
    NetworkKernels kernels(network, layout, memory.bytes());
    Ranges const ranges(network);
    auto shape = network.input_shape();
    shape.n = batch;
    auto tensor = random_tensor(shape, 3);
    for (std::size_t b = 0; b < network.size(); ++b) {
        BlockId const block(b);
        tensor = kernels.run(block, BlockMode::full, std::move(tensor));
        auto const exit = network.exit_after(block);
        if (!exit) continue;
        auto const head = network.head_of(*exit);
        auto const scale = network.precision() == Precision::int8
                               ? layout.scale(ranges.of(network.block(block).gives), tensor.type())
                               : 1.0F;
        auto const logits = kernels.run(head, BlockMode::full, tensor.clone());
        BOOST_TEST((logits.type() == ElementType::float32));
        BOOST_TEST((logits.shape() == TensorShape{batch, 1, 1, network.classes()}));
        auto const expected = reference_block(network, head, BlockMode::full, source, as_floats(tensor, scale));
        auto const error = relative_error(logits, expected);
        BOOST_TEST(error <= bound, network.block(head).name << " in " << to_string(network.precision())
                                                            << ": relative error " << error);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(heads)

BOOST_AUTO_TEST_CASE(heads_are_near_the_reference_behind_blocks_of_every_precision) {
    check_heads(resnet20(), 1);
    check_heads(resnet20(), 3);
    check_heads(in(Precision::int8, resnet20()), 2);
    if (has_bfloat16()) check_heads(in(Precision::bfloat16, resnet20()), 2);
}

// What `exits measure` finds in batches is what a run does image by image.
BOOST_AUTO_TEST_CASE(a_batch_gives_what_its_images_give) {
    for (auto const precision : {Precision::float32, Precision::int8}) {
        Network const network(with_all_kinds(in(precision, resnet20())));
        EvenerWeights source(network, 5);
        PackLayout const layout(network, {}, calibration_of(network, source));
        auto const memory = packed(network, layout, source);
        NetworkKernels kernels(network, layout, memory.bytes());
        constexpr int batch = 7;
        auto shape = network.input_shape();
        auto const image_elements = shape.elements();
        shape.n = batch;
        auto const images = random_tensor(shape, 11);
        auto together = images.clone();
        std::vector<Tensor> alone;
        for (int n = 0; n < batch; ++n) {
            Tensor image(network.input_shape());
            std::ranges::copy(images.values().subspan(static_cast<std::size_t>(n) * image_elements, image_elements),
                              image.values().begin());
            alone.push_back(std::move(image));
        }
        auto const same = [&](Tensor const& all, std::vector<Tensor> const& each, std::string const& what) {
            auto const bytes = each.front().bytes().size();
            for (std::size_t n = 0; n < each.size(); ++n)
                BOOST_TEST(std::memcmp(all.bytes().data() + n * bytes, each[n].bytes().data(), bytes) == 0,
                           what << " in " << to_string(precision) << ": image " << n << " differs");
        };
        for (std::size_t b = 0; b < network.size(); ++b) {
            BlockId const block(b);
            together = kernels.run(block, BlockMode::full, std::move(together));
            for (auto& tensor : alone) tensor = kernels.run(block, BlockMode::full, std::move(tensor));
            same(together, alone, network.block(block).name);
            auto const exit = network.exit_after(block);
            if (!exit) continue;
            std::vector<Tensor> logits;
            for (auto const& tensor : alone)
                logits.push_back(kernels.run(network.head_of(*exit), BlockMode::full, tensor.clone()));
            same(kernels.run(network.head_of(*exit), BlockMode::full, together.clone()), logits,
                 network.block(network.head_of(*exit)).name);
        }
    }
}

BOOST_AUTO_TEST_CASE(exits_change_nothing_of_the_network_and_a_layout_without_them_is_as_it_was) {
    Network const plain(resnet20());
    Network const open(with_all_kinds(resnet20()));
    PackLayout const without(plain), with(open);
    BOOST_TEST(without.bytes() < with.bytes());
    BOOST_TEST(without.digest() != with.digest());
    HeWeights source(open, 5);
    auto const all = packed(open, with, source);
    HeWeights chain(plain, 5);
    auto const alone = packed(plain, without, chain);
    BOOST_TEST(std::memcmp(all.bytes().data(), alone.bytes().data(), without.bytes()) == 0);
}

BOOST_AUTO_TEST_CASE(a_packed_network_computes_heads_with_weights_from_the_seed) {
    Network const network(with_all_kinds(resnet20()));
    auto const packed = PackedNetwork::alone(network, PackLayout(network), {std::nullopt, 9});
    auto kernels = packed.make_kernels();
    HeWeights source(network, 9);
    for (std::size_t e = 0; e < network.exits().size(); ++e) {
        auto const head = network.head_of(ExitId(e));
        auto const input = random_tensor(network.block(head).input, e);
        auto const logits = kernels.run(head, BlockMode::full, input.clone());
        BOOST_TEST(relative_error(logits, reference_block(network, head, BlockMode::full, source, input)) <= bound);
        kernels.warm_up(head, 2);
        BOOST_TEST(kernels.measure(head, 1, 1).value() > 0);
    }
}

BOOST_AUTO_TEST_CASE(a_head_whose_operators_have_names_of_the_network_is_refused) {
    auto profile = resnet20();
    Network const plain(profile);
    auto const& chain = plain.graph();
    auto const taken = std::ranges::find_if(chain.operators(), [](auto const& op) { return op.is_weighted(); })->name;
    Graph::Builder graph(plain.block(plain.find("stem").value()).output);
    auto const tensor = graph.add(taken, op::FullyConnected{plain.classes()}, {TensorId(0)});
    profile.exits.push_back({"stem", std::move(graph).finish(tensor)});
    BOOST_CHECK_THROW(PackLayout(Network(profile), {}), InputError);
}

BOOST_AUTO_TEST_SUITE_END()
