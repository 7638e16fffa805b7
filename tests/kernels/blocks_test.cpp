#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/host.hpp"
#include "kernels/network_kernels.hpp"
#include "networks.hpp"
#include "networks/resnet.hpp"
#include "reference.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

constexpr double tolerance = 1e-4;

// The program's default; more threads than cores that are free would spin.
struct OneThread {
    OneThread() { use_threads(1); }
};
BOOST_TEST_GLOBAL_FIXTURE(OneThread);

struct Fixture {
    Network network;
    UnevenWeights weights;
    PackLayout layout;
    Buffer memory;
    NetworkKernels kernels;

    explicit Fixture(NetworkProfile const& profile)
        : network(profile),
          weights(network, 7),
          layout(network),
          memory(packed(network, layout, weights)),
          kernels(network, layout, memory.bytes()) {}
};

std::vector<BlockMode> modes(Block const& block) {
    if (!block.is_droppable()) return {BlockMode::full};
    return {BlockMode::full, BlockMode::skip, BlockMode::direct};
}

// Every block in every mode that it has, for each batch size in turn with the same kernels.
void check_blocks(NetworkProfile const& profile, std::vector<int> const& batches) {
    Fixture f(profile);
    double worst = 0;
    for (int batch : batches) {
        for (std::size_t b = 0; b < f.network.size(); ++b) {
            auto const& block = f.network.blocks()[b];
            auto const shape = TensorShape{batch, block.input.h, block.input.w, block.input.c};
            auto const input = random_tensor(shape, b);
            for (auto mode : modes(block)) {
                auto const expected = reference_block(f.network, BlockId(b), mode, f.weights, input);
                auto const error = relative_error(f.kernels.run(BlockId(b), mode, input.clone()), expected);
                worst = std::max(worst, error);
                BOOST_TEST(error <= tolerance, f.network.name() << " input " << profile.input.h << " batch " << batch
                                                                << " " << block.name << " " << to_string(mode)
                                                                << ": relative error " << error);
            }
        }
    }
    BOOST_TEST_MESSAGE(f.network.name() << " input " << profile.input.h << ": worst relative error " << worst);
}

// Two blocks a stage: the one that changes the shape, and one that does not. All block shapes of ResNet-50, 101 and 152
// are among them.
NetworkProfile resnet50_shapes(int input, networks::Variant variant) {
    return test::changed(resnet50(input, {2, 2, 2, 2}), [&](auto& shape) { shape.variant = variant; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(blocks)

BOOST_AUTO_TEST_CASE(resnet50_v1_blocks_equal_the_reference) {
    check_blocks(resnet50_shapes(64, networks::Variant::v1), {1, 5});
}

BOOST_AUTO_TEST_CASE(resnet50_v1_blocks_equal_the_reference_at_odd_sizes) {
    check_blocks(resnet50_shapes(97, networks::Variant::v1), {5, 1});
    check_blocks(resnet50_shapes(33, networks::Variant::v1), {1});
}

BOOST_AUTO_TEST_CASE(resnet50_v1_blocks_equal_the_reference_at_225) {
    check_blocks(resnet50_shapes(225, networks::Variant::v1), {1});
}

BOOST_AUTO_TEST_CASE(resnet50_v1_5_blocks_equal_the_reference) {
    check_blocks(resnet50_shapes(64, networks::Variant::v1_5), {5});
    check_blocks(resnet50_shapes(97, networks::Variant::v1_5), {1});
}

BOOST_AUTO_TEST_CASE(resnet20_blocks_equal_the_reference) {
    check_blocks(resnet20(32), {1, 5});
}

BOOST_AUTO_TEST_CASE(resnet20_blocks_equal_the_reference_at_odd_sizes) {
    check_blocks(resnet20(33), {5, 1});
    check_blocks(resnet20(97), {1});
}

BOOST_AUTO_TEST_CASE(channels_that_fill_no_vector_are_right) {
    check_blocks({.name = "odd",
                  .family = networks::resnet(
                      {.stages = {1, 2}, .width = 5, .expansion = 3, .shortcut = networks::ShortcutKind::zero_pad}),
                  .input = image_shape(37),
                  .classes = 7},
                 {1, 3});
    check_blocks({.name = "tiny",
                  .family = networks::resnet({.stages = {1, 1}, .width = 3}),
                  .input = image_shape(1),
                  .classes = 1},
                 {1, 2});
}

// skip_macs = 0 says that a dropped block costs nothing; with no convolution in it, what it gives is exact.
BOOST_AUTO_TEST_CASE(a_skipped_identity_block_passes_on_what_a_block_put_out) {
    Fixture f(resnet20());
    auto const stem = f.kernels.run(BlockId(0), BlockMode::full, random_tensor({2, 32, 32, 3}, 1));
    auto const skipped = f.kernels.run(BlockId(1), BlockMode::skip, stem.clone());
    BOOST_TEST((stem.shape() == skipped.shape()));
    BOOST_TEST(std::ranges::equal(stem.values(), skipped.values()));
}

BOOST_AUTO_TEST_CASE(an_identity_block_works_in_its_inputs_memory) {
    Fixture f(resnet20());
    auto input = random_tensor({1, 32, 32, 16}, 1);
    auto const* memory = input.values().data();
    for (auto mode : {BlockMode::full, BlockMode::skip, BlockMode::direct}) {
        input = f.kernels.run(BlockId(1), mode, std::move(input));
        BOOST_TEST(input.values().data() == memory);
    }
}

BOOST_AUTO_TEST_CASE(no_kernel_is_oneDNNs_slow_reference) {
    for (auto const& profile : {resnet50(), resnet50(96), resnet50_shapes(224, networks::Variant::v1_5), resnet20()}) {
        Fixture f(profile);
        for (std::size_t b = 0; b < f.network.size(); ++b) {
            auto const text = f.kernels.implementation(BlockId(b));
            BOOST_TEST(text.find(convolutions(f.network, BlockId(b)).front().name + ": ") != std::string::npos, text);
            BOOST_TEST(text.find("ref") == std::string::npos, text);
        }
    }
}

BOOST_AUTO_TEST_CASE(measures_a_blocks_time) {
    Fixture f(resnet50(96, {1, 1, 1, 1}));
    auto const one = f.kernels.measure(BlockId(2), 1, 5);
    auto const eight = f.kernels.measure(BlockId(2), 8, 5);
    BOOST_TEST(one.value() > 0);
    BOOST_TEST(eight.value() > one.value());
    BOOST_TEST(eight.value() < 10);
}

BOOST_AUTO_TEST_CASE(refuses_a_tensor_of_another_shape_and_a_mode_that_a_block_lacks) {
    Fixture f(resnet20());
    BOOST_CHECK_THROW(f.kernels.run(BlockId(1), BlockMode::full, Tensor({1, 31, 32, 16})), ContractError);
    BOOST_CHECK_THROW(f.kernels.run(BlockId(0), BlockMode::skip, Tensor({1, 32, 32, 3})), ContractError);
    BOOST_CHECK_THROW(f.kernels.run(BlockId(1), BlockMode::full, Tensor()), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()
