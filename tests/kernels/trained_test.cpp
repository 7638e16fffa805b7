#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <span>
#include <vector>

#include "images/image_source.hpp"
#include "images/preprocess.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/network_kernels.hpp"
#include "networks.hpp"
#include "units/sha256.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

std::vector<float> narrowed(std::vector<double> const& values) {
    return {values.begin(), values.end()};
}

// What the network takes the first images for.
std::vector<std::ptrdiff_t> classes(Network const& network, ConvolutionChoices const& choices, WeightSource& source,
                                    WeightsInfo const& info, images::ImageSource const& images, std::size_t count) {
    PackLayout const layout(network, choices);
    auto const memory = packed(network, layout, source);
    NetworkKernels kernels(network, layout, memory.bytes());
    std::vector<std::ptrdiff_t> found;
    constexpr std::size_t batch = 20;
    for (std::size_t first = 0; first < count; first += batch) {
        auto shape = network.input_shape();
        shape.n = batch;
        Tensor tensor(shape);
        auto const size = network.input_shape().elements();
        for (std::size_t i = 0; i < batch; ++i)
            images::preprocess(images.read(first + i).picture, info.input.h, info.input.w,
                               {narrowed(info.mean), narrowed(info.std), static_cast<float>(info.range)},
                               tensor.values().subspan(i * size, size));
        for (std::size_t b = 0; b < network.size(); ++b)
            tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
        for (std::size_t i = 0; i < batch; ++i) {
            auto const logits = tensor.values().subspan(i * 10, 10);
            found.push_back(std::ranges::max_element(logits) - logits.begin());
        }
    }
    return found;
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
    BOOST_TEST(info.input.h == 96);

    Network const network(resnet50(info.input.h));
    FileWeights source(weights_file.string(), network);
    images::ImageSource const images(images_file);
    constexpr std::size_t count = 200, some = 60;  // multiples of a batch
    auto const direct = classes(network, {}, source, info, images, count);
    int right = 0;
    for (std::size_t i = 0; i < count; ++i) right += direct[i] == images.label(i).value();
    BOOST_TEST_MESSAGE(right << " of " << count << " right");
    BOOST_TEST(right >= 180);

    // Other rounding changes no class.
    auto const keeps_classes = [&](ConvolutionChoices const& choices, std::string_view name) {
        auto const other = classes(network, choices, source, info, images, some);
        BOOST_TEST(std::ranges::equal(other, std::span(direct).first(some)), name);
    };
    keeps_classes(standard_choices(network), "standard");
    for (auto const& [algorithm, name] : convolution_algorithm_names)
        keeps_classes(uniform_choices(network, algorithm), name);
}

BOOST_AUTO_TEST_SUITE_END()
