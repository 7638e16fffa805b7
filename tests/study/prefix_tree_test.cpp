#include "study/prefix_tree.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

#include "kernels/network_kernels.hpp"
#include "study/workplace.hpp"
#include "tests/drawn_network.hpp"
#include "tests/network_profiles.hpp"
#include "units/random.hpp"

namespace skipstone::study {

namespace {

std::vector<BlockMode> const both{BlockMode::skip, BlockMode::direct};

constexpr int images_each = 12;

struct Kernels {
    explicit Kernels(Network const& network_here)
        : network(network_here), layout(network), packed(layout.bytes()), kernels(make()) {}

    kernels::NetworkKernels make() {
        std::ranges::fill(packed.bytes(), std::byte{0});
        kernels::HeWeights weights(network, 3);
        kernels::pack(network, layout, weights, packed.bytes());
        return {network, layout, packed.bytes()};
    }

    Network network;
    kernels::PackLayout layout;
    Buffer packed;
    kernels::NetworkKernels kernels;
};

// Images of one colour each, more or less: a network with random weights sees little else.
Tensor some_images(Network const& network, int count) {
    auto shape = network.input_shape();
    shape.n = count;
    Tensor images(shape);
    RandomStream stream(5, "images");
    auto value = images.values().begin();
    for (int i = 0; i < count; ++i) {
        double const colour[]{stream.uniform(-3, 3), stream.uniform(-3, 3), stream.uniform(-3, 3)};
        for (int pixel = 0; pixel < shape.h * shape.w; ++pixel)
            for (double const channel : colour) *value++ = static_cast<float>(channel + stream.uniform(-1, 1));
    }
    return images;
}

// One set, block after block, without any tree: the class with the highest logit, per image.
Predictions one_by_one(Kernels& k, DropSet const& set, Tensor const& images) {
    auto activations = images.clone();
    for (std::size_t b = 0; b < k.network.size(); ++b)
        activations = k.kernels.run(BlockId(b), set.mode_of(BlockId(b)), std::move(activations));
    Predictions classes;
    auto const logits = activations.values();
    auto const count = static_cast<std::size_t>(images.shape().n);
    auto const width = logits.size() / count;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t best = 0;
        for (std::uint32_t c = 1; c < width; ++c)
            if (logits[i * width + c] > logits[i * width + best]) best = c;
        classes.push_back(best);
    }
    return classes;
}

void compare_with_one_by_one(Network const& network, Sharing sharing) {
    Kernels k(network);
    auto const sets = pair_drops(network, both).sets;
    auto const images = some_images(network, images_each);
    std::atomic<bool> const stop{false};
    auto const all = classify(network, k.kernels, PrefixTree(network, sets, sharing), images, stop);
    BOOST_REQUIRE(all.has_value());
    BOOST_REQUIRE(all->size() == sets.size() * images_each);
    std::set<Predictions> different;
    for (std::size_t s = 0; s < sets.size(); ++s) {
        auto const alone = one_by_one(k, sets[s], images);
        auto const first = all->begin() + static_cast<std::ptrdiff_t>(s * images_each);
        Predictions const here(first, first + images_each);
        BOOST_TEST(here == alone, dropped_text(sets[s], network));
        different.insert(alone);
    }
    BOOST_TEST(different.size() > 5U);  // else the test would say little
}

}  // namespace

BOOST_AUTO_TEST_SUITE(prefix_tree)

BOOST_AUTO_TEST_CASE(without_sharing_every_set_costs_its_own_arithmetic) {
    Network const network(test::resnet50());
    auto const sets = pair_drops(network, both).sets;
    Macs expected{};
    for (auto const& set : sets) expected += network.total_macs() - computation_gain(set, network);
    BOOST_TEST(PrefixTree(network, sets, Sharing::none).macs().value() == expected.value());
}

BOOST_AUTO_TEST_CASE(sharing_costs_a_common_prefix_once) {
    Network const network(test::resnet50());
    DropSet const last{{*network.find("s5b3")}, BlockMode::skip};
    // Beyond the baseline's own: the head.
    BOOST_TEST(PrefixTree(network, {DropSet{}, last}, Sharing::prefixes).macs().value() ==
               (network.total_macs() + network.blocks().back().macs).value());
    DropSet const first{{*network.find("s2b2")}, BlockMode::skip};
    auto const before = network.blocks()[0].macs + network.blocks()[1].macs;
    BOOST_TEST(PrefixTree(network, {DropSet{}, first}, Sharing::prefixes).macs().value() ==
               (2 * network.total_macs() - before - network.block(first.dropped[0]).macs).value());
}

BOOST_AUTO_TEST_CASE(pairs_of_resnet50s_identity_blocks_share_more_than_half_of_the_arithmetic) {
    Network const network(test::resnet50());
    auto sets = pair_drops(network, {BlockMode::skip}).sets;
    std::erase_if(sets, [&](DropSet const& set) {
        return set.dropped.size() == 1 && network.block(set.dropped[0]).skip_macs > Macs(0);
    });
    BOOST_TEST(sets.size() == 79U);
    auto const ratio =
        PrefixTree(network, sets, Sharing::prefixes).macs() / PrefixTree(network, sets, Sharing::none).macs();
    BOOST_TEST(ratio < 0.45);
}

BOOST_AUTO_TEST_CASE(shared_prefixes_give_the_classes_of_each_set_alone) {
    compare_with_one_by_one(Network(test::resnet20(16)), Sharing::prefixes);
    auto const with_projections = test::changed(test::resnet50(32, {2, 2, 2}), [](auto& shape) { shape.width = 16; });
    compare_with_one_by_one(Network(with_projections), Sharing::prefixes);
}

// Of three blocks ReLU(F(x) + x) the first reads negative numbers: dropped, it still sets them to 0.
BOOST_AUTO_TEST_CASE(a_dropped_block_still_rectifies_what_may_be_negative) {
    Network const network(test::drawn("signed", {1, 8, 8, 3}, [](Graph::Builder& graph) {
        auto tensor = test::convolved(graph, "stem", TensorId(0), 8);
        for (std::string const name : {"first", "second", "third"})
            tensor =
                graph.add(name + ".relu", op::Relu{},
                          {graph.add(name + ".sum", op::Add{}, {test::convolved(graph, name, tensor, 8), tensor})});
        return graph.add("head", op::FullyConnected{10}, {graph.add("mean", op::GlobalAverage{}, {tensor})});
    }));
    BOOST_REQUIRE(network.find("first"));
    BOOST_TEST(network.graph().at(network.block(*network.find("first")).reads).is_negative_somewhere);
    BOOST_TEST(!network.graph().at(network.block(*network.find("second")).reads).is_negative_somewhere);
    compare_with_one_by_one(network, Sharing::prefixes);
}

BOOST_AUTO_TEST_CASE(without_sharing_the_classes_are_the_same) {
    compare_with_one_by_one(Network(test::resnet20(16)), Sharing::none);
}

BOOST_AUTO_TEST_CASE(a_stop_leaves_nothing) {
    Network const network(test::resnet20());
    Kernels k(network);
    std::atomic<bool> const stop{true};
    PrefixTree const tree(network, {DropSet{}}, Sharing::prefixes);
    BOOST_TEST(!classify(network, k.kernels, tree, some_images(network, 2), stop).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone::study
