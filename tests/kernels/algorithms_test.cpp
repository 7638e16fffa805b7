#include "kernels/algorithms.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/host.hpp"
#include "kernels/network_kernels.hpp"
#include "kernels/primitives.hpp"
#include "networks.hpp"
#include "reference.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

constexpr ConvolutionAlgorithm others[]{ConvolutionAlgorithm::winograd_2x3, ConvolutionAlgorithm::winograd_4x3,
                                        ConvolutionAlgorithm::streamed, ConvolutionAlgorithm::streamed_winograd_2x3,
                                        ConvolutionAlgorithm::streamed_winograd_4x3};

// oneDNN 2 has Winograd for AVX-512 alone, as we have streaming; oneDNN 3 has none.
bool has_others() {
    return instruction_set().starts_with("avx512");
}

bool has(ConvolutionAlgorithm algorithm) {
    return has_others() && (is_streamed(algorithm) || onednn_version().starts_with("2."));
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

// The error bound: the largest difference of a block's outputs, relative to the largest output.
constexpr double tolerance = 1e-4;

void check_blocks(NetworkProfile const& profile) {
    Network const network(profile);
    std::vector<std::pair<ConvolutionAlgorithm, std::unique_ptr<Computed>>> computed;
    for (auto const algorithm : others) {
        auto const choices = uniform_choices(network, algorithm);
        BOOST_TEST(choices.empty() == !has(algorithm));
        computed.emplace_back(algorithm, std::make_unique<Computed>(network, choices));
    }
    for (int batch : {1, 3})
        for (std::size_t b = 0; b < network.size(); ++b) {
            auto const& block = network.blocks()[b];
            auto const input = random_tensor({batch, block.input.h, block.input.w, block.input.c}, b);
            auto const expected =
                reference_block(network, BlockId(b), BlockMode::full, computed.front().second->weights, input);
            for (auto const& [algorithm, by] : computed) {
                auto const output = by->kernels.run(BlockId(b), BlockMode::full, input.clone());
                auto const error = relative_error(output, expected);
                BOOST_TEST(error <= tolerance, to_string(algorithm) << " " << network.name() << " " << block.name
                                                                    << " batch " << batch << ": " << error);
            }
        }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(algorithms)

BOOST_AUTO_TEST_CASE(blocks_computed_by_any_algorithm_equal_the_reference) {
    check_blocks(resnet50(64, {2, 2, 2, 2}));
    check_blocks(resnet50(97, {2, 2, 2, 2}));
    check_blocks(resnet20(32));
    check_blocks(resnet20(33));
}

BOOST_AUTO_TEST_CASE(a_kernel_names_its_algorithm) {
    if (!has_others()) return;
    Network const network(resnet20());
    for (auto const& [algorithm, name] :
         {std::pair{ConvolutionAlgorithm::winograd_2x3, "wino_2x3"},
          std::pair{ConvolutionAlgorithm::winograd_4x3, "wino_4x3"},
          std::pair{ConvolutionAlgorithm::streamed, "streamed:"},
          std::pair{ConvolutionAlgorithm::streamed_winograd_2x3, "streamed-winograd-2x3:"},
          std::pair{ConvolutionAlgorithm::streamed_winograd_4x3, "streamed-winograd-4x3:"}}) {
        Computed by(network, uniform_choices(network, algorithm));
        BOOST_TEST((by.kernels.implementation(BlockId(5)).find(name) != std::string::npos) == has(algorithm), name);
    }
}

BOOST_AUTO_TEST_CASE(an_image_gets_the_same_bits_whatever_it_comes_with) {
    if (!has_others()) return;
    Network const network(resnet50(64, {1, 1, 2, 1}));
    BlockId const block(4);  // large enough that three images do not go through at once
    auto const shape = network.block(block).input;
    auto const all = random_tensor({23, shape.h, shape.w, shape.c}, 5);
    auto const size = shape.elements();
    for (auto const algorithm : others) {
        Computed by(network, uniform_choices(network, algorithm));
        Tensor one(shape);
        std::ranges::copy(all.values().subspan(21 * size, size), one.values().begin());
        auto const together = by.kernels.run(block, BlockMode::full, all.clone());
        auto const alone = by.kernels.run(block, BlockMode::full, std::move(one));
        BOOST_TEST(std::ranges::equal(alone.values(), together.values().subspan(21 * size, size)),
                   to_string(algorithm));
    }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_the_bits_of_streamed_convolutions) {
    if (!has_others()) return;
    Network const network(resnet50(64, {1, 1, 1, 1}));
    BlockId const block(3);
    auto const shape = network.block(block).input;
    auto const input = random_tensor({2, shape.h, shape.w, shape.c}, 5);
    for (auto const algorithm : {ConvolutionAlgorithm::streamed, ConvolutionAlgorithm::streamed_winograd_2x3,
                                 ConvolutionAlgorithm::streamed_winograd_4x3}) {
        auto const computed = [&](int threads) {
            use_threads(threads);
            // What is not streamed is oneDNN's, whose sums may depend on the number of threads.
            auto const profile = resnet50(64, {1, 1, 1, 1});
            auto choices = uniform_choices(Network(profile), ConvolutionAlgorithm::streamed);
            for (auto const& [name, chosen] : uniform_choices(Network(profile), algorithm)) choices[name] = chosen;
            Computed by(Network(profile), choices);
            return by.kernels.run(block, BlockMode::full, input.clone());
        };
        auto const one = computed(1), three = computed(3);
        use_threads(1);
        BOOST_TEST(std::ranges::equal(one.values(), three.values()), to_string(algorithm));
    }
}

BOOST_AUTO_TEST_CASE(layouts_of_other_algorithms_are_others) {
    Network const network(resnet20());
    std::set<std::uint64_t> digests{PackLayout(network).digest()};
    for (auto const algorithm : others)
        digests.insert(PackLayout(network, uniform_choices(network, algorithm)).digest());
    BOOST_TEST(digests.size() == 1 + static_cast<std::size_t>(std::ranges::count_if(others, has)));
}

BOOST_AUTO_TEST_CASE(the_standard_choice_goes_by_the_shape) {
    auto const choices = standard_choices(Network(resnet50()));
    if (!has_others()) {
        BOOST_TEST(choices.empty());
        return;
    }
    auto const chosen = [&](char const* name) {
        auto const found = choices.find(name);
        return found == choices.end() ? "direct" : to_string(found->second);
    };
    // Large images and few channels: what multiplies least.
    BOOST_TEST(chosen("layer1.1.conv2") == "streamed-winograd-4x3");
    BOOST_TEST(chosen("layer2.1.conv2") == "streamed-winograd-4x3");
    BOOST_TEST(chosen("layer2.1.conv1") == "direct");
    // The smaller the images, and the more the channels, the more do weights weigh.
    BOOST_TEST(chosen("layer3.1.conv2") == "streamed-winograd-2x3");
    BOOST_TEST(chosen("layer4.1.conv2") == "streamed");
    BOOST_TEST(chosen("layer4.1.conv1") == "streamed");
    BOOST_TEST(chosen("layer4.0.downsample.0") == "streamed");
    // Channels that are not multiples of 16 and 32.
    BOOST_TEST(chosen("conv1") == "direct");
    BOOST_TEST(chosen("fc") == "direct");
}

// What an algorithm's blocks take is noise here; that the choice goes by what was measured is not.
BOOST_AUTO_TEST_CASE(measured_choices_are_the_fastest) {
    Network const network(resnet50(64, {1, 1, 1, 1}));
    auto const standard = standard_choices(network);
    int last = 0;
    auto const measured = measure_choices(network, 3, [&](int done, int total) {
        BOOST_TEST(done == ++last);
        BOOST_TEST(done <= total);
    });
    auto const algorithm_in = [](ConvolutionChoices const& choices, Convolution const& c) {
        auto const found = choices.find(c.name);
        return found == choices.end() ? ConvolutionAlgorithm::direct : found->second;
    };
    BOOST_TEST_REQUIRE(measured.blocks.size() == network.size());
    std::size_t others = 0;
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const& times = measured.blocks[b];
        for (auto const& c : convolutions(network, BlockId(b))) {
            auto const chosen = algorithm_in(measured.choices, c);
            auto const found = times.others.find({c.kernel_h, c.kernel_w});
            if (found == times.others.end()) {
                BOOST_TEST((chosen == algorithm_in(standard, c)));
                continue;
            }
            others += found->second.size();
            auto const fastest = std::ranges::min_element(found->second, {}, [](auto const& t) { return t.second; });
            bool const gains = fastest->second < 0.97 * times.standard;
            if (!gains)
                BOOST_TEST((chosen == algorithm_in(standard, c)), c.name);
            else if (is_available(c, fastest->first))
                BOOST_TEST((chosen == fastest->first), c.name);
        }
    }
    BOOST_TEST((others > 0 || standard.empty()));
}

BOOST_AUTO_TEST_SUITE_END()
