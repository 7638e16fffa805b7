#include "kernels/streamed_convolution.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/tile_product.hpp"
#include "units/buffer.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

struct Case {
    char const* name;
    int channels, height, width, outputs, groups, kernel_h, kernel_w, stride;
    int top, left, bottom, right;
};

constexpr Case cases[]{
    {"two groups", 32, 9, 7, 64, 2, 3, 3, 1, 1, 1, 1, 1},
    {"three groups, more depth than a block", 3 * 128, 5, 5, 96, 3, 3, 3, 1, 1, 1, 1, 1},
    {"two groups, stride 2", 64, 11, 10, 128, 2, 5, 5, 2, 2, 2, 2, 2},
    {"padding on one side", 16, 8, 9, 32, 1, 3, 3, 1, 0, 2, 2, 0},
    {"a window as large as the image", 48, 6, 5, 64, 1, 6, 5, 1, 0, 0, 0, 0},
    {"a row", 16, 1, 40, 32, 1, 1, 7, 1, 0, 3, 0, 3},
};

Convolution convolution_of(Case const& given) {
    Convolution c;
    c.name = given.name;
    c.in_channels = given.channels;
    c.out_channels = given.outputs;
    c.groups = given.groups;
    c.kernel_h = given.kernel_h;
    c.kernel_w = given.kernel_w;
    c.stride_h = c.stride_w = given.stride;
    c.padding_top = given.top;
    c.padding_left = given.left;
    c.padding_bottom = given.bottom;
    c.padding_right = given.right;
    c.in_height = given.height;
    c.in_width = given.width;
    c.out_height = (given.height + given.top + given.bottom - given.kernel_h) / given.stride + 1;
    c.out_width = (given.width + given.left + given.right - given.kernel_w) / given.stride + 1;
    return c;
}

std::size_t product(std::initializer_list<int> factors) {
    std::size_t all = 1;
    for (int const factor : factors) all *= static_cast<std::size_t>(factor);
    return all;
}

std::vector<float> random_values(std::size_t count, char const* what) {
    RandomStream stream(3, what);
    std::vector<float> values(count);
    for (auto& value : values) value = static_cast<float>(stream.uniform(-1, 1));
    return values;
}

// By the definition, in double, before the activation: [N,H,W,C].
std::vector<double> expected(Convolution const& c, int batch, std::vector<float> const& image,
                             std::vector<float> const& weights, std::vector<float> const& bias) {
    std::vector<double> all;
    int const in_group = c.in_channels / c.groups, out_group = c.out_channels / c.groups;
    for (int n = 0; n < batch; ++n)
        for (int y = 0; y < c.out_height; ++y)
            for (int x = 0; x < c.out_width; ++x)
                for (int o = 0; o < c.out_channels; ++o) {
                    double sum = bias.at(static_cast<std::size_t>(o));
                    for (int ky = 0; ky < c.kernel_h; ++ky)
                        for (int kx = 0; kx < c.kernel_w; ++kx) {
                            int const row = y * c.stride_h + ky - c.padding_top;
                            int const column = x * c.stride_w + kx - c.padding_left;
                            if (row < 0 || row >= c.in_height || column < 0 || column >= c.in_width) continue;
                            for (int i = 0; i < in_group; ++i) {
                                auto const pixel = (n * c.in_height + row) * c.in_width + column;
                                auto const at = pixel * c.in_channels + o / out_group * in_group + i;
                                auto const weight = ((o * in_group + i) * c.kernel_h + ky) * c.kernel_w + kx;
                                sum += static_cast<double>(image[static_cast<std::size_t>(at)]) *
                                       static_cast<double>(weights[static_cast<std::size_t>(weight)]);
                            }
                        }
                    all.push_back(sum);
                }
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(streamed_convolutions)

BOOST_AUTO_TEST_CASE(groups_and_windows_of_any_form_equal_the_definition) {
    if (!tiles::is_available()) return;
    int computed = 0;
    for (auto const& given : cases)
        for (auto const algorithm : {ConvolutionAlgorithm::streamed, ConvolutionAlgorithm::streamed_winograd_2x3,
                                     ConvolutionAlgorithm::streamed_winograd_4x3})
            for (int batch : {1, 3}) {
                bool const clips = batch == 3;
                Pointwise const activation = clips ? Pointwise{op::Activation::Kind::clip, -1.5F, 2.0F} : Pointwise{};
                auto const c = convolution_of(given);
                bool const is_winograd = algorithm != ConvolutionAlgorithm::streamed;
                bool const fits = !is_winograd || (c.kernel_h == 3 && c.kernel_w == 3 && c.stride_h == 1);
                BOOST_TEST(StreamedConvolution::is_available(c, algorithm) == fits, given.name);
                if (!fits) continue;
                auto const image =
                    random_values(product({batch, c.in_height, c.in_width, c.in_channels}), "activations");
                auto const weights =
                    random_values(product({c.out_channels, c.group_channels(), c.kernel_h, c.kernel_w}), "weights");
                auto const bias = random_values(static_cast<std::size_t>(c.out_channels), "bias");
                Buffer packed(StreamedConvolution::weight_bytes(c, algorithm));
                StreamedConvolution::pack(
                    c, algorithm, weights,
                    {reinterpret_cast<float*>(packed.data()), packed.bytes().size() / sizeof(float)});
                StreamedConvolution const kernel(c, algorithm, batch, Destination::overwrite, activation);
                Buffer scratchpad(kernel.scratchpad_bytes());
                std::vector<float> output(product({batch, c.out_height, c.out_width, c.out_channels}));
                kernel.run({.source = reinterpret_cast<std::byte const*>(image.data()),
                            .destination = reinterpret_cast<std::byte*>(output.data()),
                            .weights = packed.data(),
                            .bias = bias.data(),
                            .scratchpad = scratchpad.data()});
                auto exact = expected(c, batch, image, weights, bias);
                double most = 0, off = 0;
                for (auto& value : exact) {
                    most = std::max(most, std::abs(value));
                    value = clips ? std::clamp(value, -1.5, 2.0) : std::max(0.0, value);
                }
                for (std::size_t i = 0; i < exact.size(); ++i)
                    off = std::max(off, std::abs(exact[i] - static_cast<double>(output[i])));
                BOOST_TEST(off <= 1e-5 * most, given.name << " " << to_string(algorithm) << " batch " << batch);
                ++computed;
            }
    BOOST_TEST(computed == 2 * (6 + 2 * 3));
}

BOOST_AUTO_TEST_CASE(groups_are_streamed_where_each_has_whole_vectors) {
    if (!tiles::is_available()) return;
    auto c = convolution_of(cases[0]);
    c.groups = 4;  // 8 input channels in each
    BOOST_TEST(!StreamedConvolution::is_available(c, ConvolutionAlgorithm::streamed));
    c = convolution_of(cases[0]);
    c.dilation_h = 2;
    BOOST_TEST(!StreamedConvolution::is_available(c, ConvolutionAlgorithm::streamed));
}

BOOST_AUTO_TEST_SUITE_END()
