#include "images/preprocess.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <set>

#include "fixtures.hpp"
#include "images/decode.hpp"
#include "images/synthetic.hpp"

using namespace skipstone::images;
using namespace skipstone::images::testing;

namespace {

constexpr std::array<float, 3> imagenet_mean = {0.485f, 0.456f, 0.406f}, imagenet_deviation = {0.229f, 0.224f, 0.225f};
constexpr std::array<float, 3> zeroes = {0, 0, 0}, ones = {1, 1, 1};

std::vector<float> preprocessed(Picture const& picture, int size, std::array<float, 3> const& mean,
                                std::array<float, 3> const& deviation) {
    std::vector<float> out(static_cast<std::size_t>(3 * size * size));
    preprocess(picture, size, mean, deviation, out);
    return out;
}

boost::test_tools::assertion_result torch_is_there(boost::unit_test::test_unit_id) {
    return python_has("torch");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(preprocessing)

BOOST_AUTO_TEST_CASE(same_size_only_normalises) {
    auto const card = test_card(6, 6);
    auto const out = preprocessed(card, 6, imagenet_mean, imagenet_deviation);
    for (std::size_t i = 0; i < out.size(); ++i)
        BOOST_TEST(out[i] ==
                   (static_cast<float>(card.rgb[i]) / 255.0f - imagenet_mean[i % 3]) / imagenet_deviation[i % 3]);
}

BOOST_AUTO_TEST_CASE(enlarges_with_half_pixel_centres) {
    // Two columns, 0 and 255, to four: centres at −0.25, 0.25, 0.75, 1.25 of the input, clamped.
    Picture const two{1, 2, {0, 0, 0, 255, 255, 255}};
    auto const out = preprocessed(two, 4, zeroes, ones);
    float const expected[] = {0.0f, 0.25f, 0.75f, 1.0f};
    for (std::size_t row = 0; row < 4; ++row)
        for (std::size_t column = 0; column < 4; ++column)
            for (std::size_t c = 0; c < 3; ++c) BOOST_TEST(out[(row * 4 + column) * 3 + c] == expected[column]);
}

BOOST_AUTO_TEST_CASE(shrinks_without_antialiasing) {
    // Six columns to two: centres at 1 and 4, so that only these two count.
    Picture six{1, 6, std::vector<std::uint8_t>(18, 0)};
    six.rgb[3 * 1] = 255;
    six.rgb[3 * 4 + 1] = 51;
    auto const out = preprocessed(six, 2, zeroes, ones);
    for (std::size_t row = 0; row < 2; ++row) {
        BOOST_TEST(out[row * 6] == 1.0f, boost::test_tools::tolerance(1e-6f));
        BOOST_TEST(out[row * 6 + 4] == 0.2f, boost::test_tools::tolerance(1e-6f));
        BOOST_TEST(std::abs(out[row * 6 + 1]) + std::abs(out[row * 6 + 3]) < 1e-6f);
    }
}

BOOST_AUTO_TEST_CASE(equals_pytorch, *boost::unit_test::precondition(torch_is_there)) {
    Folder const folder;
    for (auto const& [height, width, size] :
         {std::array{32, 32, 96}, {32, 32, 224}, {37, 53, 20}, {500, 333, 224}, {1, 1, 3}}) {
        auto const card = test_card(height, width);
        auto const picture = folder.write("card.rgb", card.rgb), reference = folder / "reference.f32";
        BOOST_REQUIRE(run_python(
            "import sys, numpy, torch\n"
            "height, width, size = map(int, sys.argv[3:6])\n"
            "x = torch.from_numpy(numpy.fromfile(sys.argv[1], numpy.uint8).astype(numpy.float32))\n"
            "x = (x / 255).reshape(1, height, width, 3).permute(0, 3, 1, 2)\n"
            "x = torch.nn.functional.interpolate(x, size=(size, size), mode='bilinear', align_corners=False)\n"
            "mean, std = ([torch.tensor(v).reshape(1, 3, 1, 1) for v in"
            " ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])\n"
            "((x - mean) / std).permute(0, 2, 3, 1).contiguous().numpy().tofile(sys.argv[2])\n",
            {picture.string(), reference.string(), std::to_string(height), std::to_string(width),
             std::to_string(size)}));
        auto const bytes = read_file(reference);
        auto const out = preprocessed(card, size, imagenet_mean, imagenet_deviation);
        BOOST_REQUIRE(bytes.size() == out.size() * sizeof(float));
        std::vector<float> expected(out.size());
        std::memcpy(expected.data(), bytes.data(), bytes.size());
        float largest = 0;
        for (std::size_t i = 0; i < out.size(); ++i) largest = std::max(largest, std::abs(out[i] - expected[i]));
        BOOST_TEST_MESSAGE(height << " x " << width << " to " << size << ": largest difference " << largest);
        BOOST_TEST(largest < 1e-4f);
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(synthetic_images)

BOOST_AUTO_TEST_CASE(depend_on_seed_and_index_alone) {
    auto const picture = synthetic(1, 2, 64);
    BOOST_TEST((synthetic(1, 2, 64).rgb == picture.rgb));
    BOOST_TEST((synthetic(2, 2, 64).rgb != picture.rgb));
    BOOST_TEST((synthetic(1, 3, 64).rgb != picture.rgb));
}

BOOST_AUTO_TEST_CASE(are_the_same_bytes_on_every_host) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (auto byte : synthetic(1, 0, 224).rgb) hash = (hash ^ byte) * 0x100000001b3ULL;
    BOOST_TEST(hash == 9155085017253434301u);
}

BOOST_AUTO_TEST_CASE(are_smooth_and_coloured) {
    for (std::int64_t index = 0; index < 20; ++index) {
        int const size = 224;
        auto const picture = synthetic(7, index, size);
        int steepest = 0;
        std::set<int> values;
        long long colour = 0;
        for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
            values.insert(picture.rgb[i]);
            if (i % static_cast<std::size_t>(3 * size) >= 3)
                steepest = std::max(steepest, std::abs(picture.rgb[i] - picture.rgb[i - 3]));
            if (i % 3 == 0) colour += std::abs(picture.rgb[i] - picture.rgb[i + 1]);
        }
        BOOST_TEST(steepest <= 12);
        BOOST_TEST(values.size() > 60u);
        BOOST_TEST(colour / (size * size) > 5);
    }
}

BOOST_AUTO_TEST_SUITE_END()
