#include "kernels/packed_weights.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/host.hpp"
#include "kernels/network_kernels.hpp"
#include "networks.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

// Memory that several users share and none may write.
class ReadOnlyPages {
  public:
    explicit ReadOnlyPages(std::span<std::byte const> contents)
        : size_(contents.size()),
          address_(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
        BOOST_TEST_REQUIRE(address_ != MAP_FAILED);
        std::memcpy(address_, contents.data(), size_);
        BOOST_TEST_REQUIRE(::mprotect(address_, size_, PROT_READ) == 0);
    }
    ReadOnlyPages(ReadOnlyPages const&) = delete;
    ReadOnlyPages& operator=(ReadOnlyPages const&) = delete;
    ~ReadOnlyPages() { ::munmap(address_, size_); }
    std::span<std::byte const> bytes() const { return {static_cast<std::byte const*>(address_), size_}; }

  private:
    std::size_t size_;
    void* address_;
};

std::vector<float> logits(Network const& network, NetworkKernels& kernels, int batch) {
    auto const shape = network.input_shape();
    auto tensor = random_tensor({batch, shape.h, shape.w, shape.c}, 3);
    for (std::size_t b = 0; b < network.size(); ++b)
        tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
    return {tensor.values().begin(), tensor.values().end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(packed_weights)

BOOST_AUTO_TEST_CASE(two_callers_who_share_the_packing_give_the_same_bytes) {
    Network const network(resnet50(96));
    PackLayout const layout(network);
    HeWeights source(network, 5);
    auto const whole = packed(network, layout, source);

    Buffer shared(layout.bytes());
    std::ranges::fill(shared.bytes(), std::byte{0});
    auto const pack_share = [&](std::size_t share) {
        PackLayout const own_layout(network);
        HeWeights own_source(network, 5);
        for (std::size_t b = share; b < network.size(); b += 2)
            pack_block(network, own_layout, own_source, BlockId(b), shared.bytes());
    };
    std::thread other([&] {
        use_threads(1);
        pack_share(1);
    });
    pack_share(0);
    other.join();
    BOOST_TEST(std::ranges::equal(whole.bytes(), shared.bytes()));
}

BOOST_AUTO_TEST_CASE(the_layout_depends_on_the_network_alone) {
    Network const network(resnet50());
    PackLayout const layout(network);
    BOOST_TEST(layout.bytes() == PackLayout(network).bytes());
    BOOST_TEST(layout.digest() == PackLayout(network).digest());
    BOOST_TEST(layout.digest() != PackLayout(Network(resnet20())).digest());

    std::size_t plain = 0;
    for (auto const& tensor : network.weight_tensors()) {
        std::size_t elements = 1;
        for (auto extent : tensor.shape) elements *= extent;
        plain += elements * sizeof(float);
    }
    BOOST_TEST(layout.bytes() > plain * 98 / 100);
    BOOST_TEST(layout.bytes() < plain * 104 / 100);
}

BOOST_AUTO_TEST_CASE(nothing_overlaps_and_everything_is_aligned) {
    Network const network(resnet20());
    PackLayout const layout(network);
    auto const touched = [&](std::size_t block) {
        Buffer zeros(layout.bytes()), ones(layout.bytes());
        std::ranges::fill(zeros.bytes(), std::byte{0});
        std::ranges::fill(ones.bytes(), std::byte{0xff});
        UnevenWeights source(network, 1);
        pack_block(network, layout, source, BlockId(block), zeros.bytes());
        pack_block(network, layout, source, BlockId(block), ones.bytes());
        std::vector<bool> written(layout.bytes());
        for (std::size_t i = 0; i < written.size(); ++i) written[i] = zeros.bytes()[i] == ones.bytes()[i];
        return written;
    };
    std::vector<bool> all(layout.bytes());
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const written = touched(b);
        std::size_t overlap = 0;
        for (std::size_t i = 0; i < written.size(); ++i) overlap += written[i] && all[i];
        BOOST_TEST(overlap == 0u);
        for (std::size_t i = 0; i < written.size(); ++i) all[i] = all[i] || written[i];
        for (auto const& c : convolutions(network, BlockId(b))) {
            BOOST_TEST(layout.entry(c.name).weights % 64 == 0u);
            BOOST_TEST(layout.entry(c.name).bias % 64 == 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(instances_in_two_threads_share_read_only_weights_and_agree_to_the_bit) {
    Network const network(resnet50(64));
    PackLayout const layout(network);
    HeWeights source(network, 5);
    ReadOnlyPages const memory(packed(network, layout, source).bytes());
    NetworkKernels alone(network, layout, memory.bytes());
    auto const expected_one = logits(network, alone, 1);
    auto const expected_three = logits(network, alone, 3);

    std::vector<int> wrong(2);
    auto const work = [&](std::size_t thread) {
        NetworkKernels kernels(network, layout, memory.bytes());
        for (int i = 0; i < 5; ++i) {
            wrong[thread] += logits(network, kernels, 1) != expected_one;
            wrong[thread] += logits(network, kernels, 3) != expected_three;
        }
    };
    std::thread other([&] {
        use_threads(1);
        work(1);
    });
    work(0);
    other.join();
    BOOST_TEST(wrong[0] == 0);
    BOOST_TEST(wrong[1] == 0);
}

BOOST_AUTO_TEST_CASE(blocks_run_by_different_instances_give_the_bits_of_one) {
    Network const network(resnet50(96));
    PackLayout const layout(network);
    HeWeights source(network, 5);
    auto const memory = packed(network, layout, source);
    NetworkKernels first(network, layout, memory.bytes());
    NetworkKernels second(network, layout, memory.bytes());
    second.warm_up(BlockId(3), 1);
    auto const shape = network.input_shape();
    auto tensor = random_tensor(shape, 3);
    for (std::size_t b = 0; b < network.size(); ++b)
        tensor = (b % 3 == 1 ? second : first).run(BlockId(b), BlockMode::full, std::move(tensor));
    BOOST_TEST(std::ranges::equal(tensor.values(), logits(network, first, 1)));
}

BOOST_AUTO_TEST_CASE(he_weights_keep_activations_bounded_over_fifty_blocks) {
    auto const resnet152 = test::changed(resnet50(64, {3, 8, 36, 3}), [](auto& shape) { shape.width = 16; });
    auto const resnet110 = test::changed(resnet20(), [](auto& shape) { shape.stages = {18, 18, 18}; });
    for (auto const& profile : {resnet152, resnet110}) {
        Network const network(profile);
        PackLayout const layout(network);
        HeWeights source(network, 5);
        auto const memory = packed(network, layout, source);
        NetworkKernels kernels(network, layout, memory.bytes());
        auto const values = logits(network, kernels, 2);
        auto const largest = std::abs(*std::ranges::max_element(values, {}, [](float v) { return std::abs(v); }));
        BOOST_TEST(largest > 0.1F);
        BOOST_TEST(largest < 100.0F);
        BOOST_TEST(std::ranges::all_of(values, [](float v) { return std::isfinite(v); }));
    }
}

BOOST_AUTO_TEST_SUITE_END()
