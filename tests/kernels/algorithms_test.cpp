#include "kernels/algorithms.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <set>
#include <string>

#include "kernels/host.hpp"
#include "kernels/network_kernels.hpp"
#include "networks.hpp"
#include "reference.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

constexpr ConvolutionAlgorithm winograds[]{ConvolutionAlgorithm::winograd_2x3, ConvolutionAlgorithm::winograd_4x3};

// oneDNN 2.6 has Winograd for AVX-512 alone.
bool has_winograd() {
    return instruction_set().starts_with("avx512");
}

struct Computed {
    Network network;
    UnevenWeights weights;
    PackLayout layout;
    Buffer memory;
    NetworkKernels kernels;

    Computed(Network const& of, ConvolutionChoices const& choices)
        : network(of),
          weights(network, 7),
          layout(network, choices),
          memory(packed(network, layout, weights)),
          kernels(network, layout, memory.bytes()) {}
};

// Winograd's error bound: the largest difference of a block's outputs, relative to the largest output.
constexpr double tolerance = 1e-4;

void check_blocks(NetworkProfile const& profile, ConvolutionAlgorithm algorithm) {
    Network const network(profile);
    auto const choices = uniform_choices(network, algorithm);
    BOOST_TEST(choices.empty() == !has_winograd());
    Computed by(network, choices);
    for (int batch : {1, 3})
        for (std::size_t b = 0; b < network.size(); ++b) {
            auto const& block = network.blocks()[b];
            auto const input = random_tensor({batch, block.input.h, block.input.w, block.input.c}, b);
            auto const expected = reference_block(block, BlockMode::full, by.weights, input);
            auto const error = relative_error(by.kernels.run(BlockId(b), BlockMode::full, input.clone()), expected);
            BOOST_TEST(error <= tolerance, to_string(algorithm) << " " << network.name() << " " << block.name
                                                                << " batch " << batch << ": " << error);
        }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(algorithms)

BOOST_AUTO_TEST_CASE(blocks_computed_by_winograd_equal_the_reference) {
    for (auto const algorithm : winograds) {
        check_blocks(resnet50(64, {2, 2, 2, 2}), algorithm);
        check_blocks(resnet50(97, {2, 2, 2, 2}), algorithm);
        check_blocks(resnet20(32), algorithm);
        check_blocks(resnet20(33), algorithm);
    }
}

BOOST_AUTO_TEST_CASE(a_kernel_names_its_algorithm) {
    if (!has_winograd()) return;
    Network const network(resnet20());
    for (auto const algorithm : winograds) {
        Computed by(network, uniform_choices(network, algorithm));
        auto const name = algorithm == ConvolutionAlgorithm::winograd_2x3 ? "wino_2x3" : "wino_4x3";
        BOOST_TEST(by.kernels.implementation(BlockId(1)).find(name) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(winograd_gives_an_image_the_same_bits_whatever_it_comes_with) {
    Network const network(resnet20());
    Computed by(network, uniform_choices(network, ConvolutionAlgorithm::winograd_4x3));
    auto const all = random_tensor({3, 32, 32, 16}, 5);
    auto const size = all.values().size() / 3;
    Tensor one({1, 32, 32, 16});
    std::ranges::copy(all.values().subspan(size, size), one.values().begin());
    auto const together = by.kernels.run(BlockId(2), BlockMode::full, all.clone());
    auto const alone = by.kernels.run(BlockId(2), BlockMode::full, std::move(one));
    if (has_winograd()) BOOST_TEST(std::ranges::equal(alone.values(), together.values().subspan(size, size)));
}

BOOST_AUTO_TEST_CASE(layouts_of_other_algorithms_are_others) {
    Network const network(resnet20());
    std::set<std::uint64_t> digests{PackLayout(network).digest()};
    for (auto const algorithm : winograds)
        digests.insert(PackLayout(network, uniform_choices(network, algorithm)).digest());
    BOOST_TEST(digests.size() == (has_winograd() ? 3U : 1U));
}

BOOST_AUTO_TEST_CASE(the_standard_choice_is_winograd_for_large_images_of_many_channels) {
    auto const choices = standard_choices(Network(resnet50()));
    if (!has_winograd()) {
        BOOST_TEST(choices.empty());
        return;
    }
    BOOST_TEST(choices.size() == 7U);
    for (auto const& [name, algorithm] : choices)
        BOOST_TEST((algorithm == (name.starts_with("layer1.") ? ConvolutionAlgorithm::winograd_4x3
                                                              : ConvolutionAlgorithm::winograd_2x3)),
                   name);
    BOOST_TEST(standard_choices(Network(resnet20())).empty());
}

BOOST_AUTO_TEST_CASE(measured_choices_are_the_fastest) {
    Network const network(resnet50(64, {1, 1, 1, 1}));
    auto const measured = measure_choices(network, 3, [] { return true; });
    BOOST_REQUIRE(measured.has_value());
    for (std::size_t b = 0; b < network.size(); ++b) {
        std::optional<Seconds> direct, chosen;
        auto algorithm = ConvolutionAlgorithm::direct;
        for (auto const& c : network.blocks()[b].path)
            if (auto const found = measured->choices.find(c.name); found != measured->choices.end())
                algorithm = found->second;
        for (auto const& times : measured->blocks) {
            if (times.block != BlockId(b)) continue;
            if (times.algorithm == ConvolutionAlgorithm::direct) direct = times.median;
            if (times.algorithm == algorithm) chosen = times.median;
        }
        BOOST_REQUIRE((direct && chosen));
        BOOST_TEST(chosen->value() <= direct->value());
        for (auto const& times : measured->blocks)
            if (times.block == BlockId(b)) BOOST_TEST(times.median.value() >= 0.969 * chosen->value());
    }
}

BOOST_AUTO_TEST_CASE(a_measurement_that_is_stopped_gives_nothing) {
    int passes = 0;
    auto const measured = measure_choices(Network(resnet20()), 5, [&] { return ++passes < 4; });
    BOOST_TEST(!measured.has_value());
    BOOST_TEST(passes == 4);
}

BOOST_AUTO_TEST_SUITE_END()
