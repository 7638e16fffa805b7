#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "images/image_source.hpp"
#include "images/preprocess.hpp"
#include "kernels/network_kernels.hpp"
#include "networks.hpp"
#include "units/sha256.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

std::array<float, 3> narrowed(std::array<double, 3> const& values) {
    return {static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2])};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trained)

BOOST_AUTO_TEST_CASE(a_trained_resnet50_recognises_cifar10_images) {
    auto const folder = std::filesystem::path(SKIPSTONE_TEST_DATA);
    auto const weights_file = folder / "resnet50-cifar10.h5";
    auto const images_file = folder / "cifar10-test.bin.xz";
    if (!std::filesystem::exists(weights_file) || !std::filesystem::exists(images_file)) {
        BOOST_TEST_MESSAGE("skipped: no trained weights or no images in " << folder);
        return;
    }
    auto const info = read_weights_info(weights_file.string());
    BOOST_TEST(info.network == "resnet50");
    BOOST_TEST(info.input_size == 96);

    Network const network(resnet50(info.input_size));
    PackLayout const layout(network);
    FileWeights source(weights_file.string(), network);
    auto const memory = packed(network, layout, source);
    NetworkKernels kernels(network, layout, memory.bytes());

    images::ImageSource const images(images_file);
    constexpr int count = 200;
    constexpr int batch = 20;
    int right = 0;
    for (int first = 0; first < count; first += batch) {
        auto shape = network.input_shape();
        shape.n = batch;
        Tensor tensor(shape);
        auto const size = network.input_shape().elements();
        for (int i = 0; i < batch; ++i)
            images::preprocess(images.read(static_cast<std::size_t>(first + i)).picture, info.input_size,
                               narrowed(info.mean), narrowed(info.std),
                               tensor.values().subspan(static_cast<std::size_t>(i) * size, size));
        for (std::size_t b = 0; b < network.size(); ++b)
            tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
        for (int i = 0; i < batch; ++i) {
            auto const logits = tensor.values().subspan(static_cast<std::size_t>(i) * 10, 10);
            auto const predicted = std::ranges::max_element(logits) - logits.begin();
            right += predicted == images.label(static_cast<std::size_t>(first + i)).value();
        }
    }
    BOOST_TEST_MESSAGE(right << " of " << count << " right");
    BOOST_TEST(right >= 180);
}

BOOST_AUTO_TEST_SUITE_END()
