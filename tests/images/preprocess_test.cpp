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

Normalization const imagenet{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
Normalization const plain{{0, 0, 0}, {1, 1, 1}};
Normalization const plain_grey{{0}, {1}};

std::vector<float> preprocessed(Picture const& picture, int height, int width, Normalization const& normalization) {
    std::vector<float> out(static_cast<std::size_t>(height * width) * normalization.mean.size());
    preprocess(picture, height, width, normalization, out);
    return out;
}
std::vector<float> preprocessed(Picture const& picture, int size, Normalization const& normalization) {
    return preprocessed(picture, size, size, normalization);
}

boost::test_tools::assertion_result torch_is_there(boost::unit_test::test_unit_id) {
    return python_has("torch");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(preprocessing)

BOOST_AUTO_TEST_CASE(same_size_only_normalises) {
    auto const card = test_card(6, 6);
    auto const out = preprocessed(card, 6, imagenet);
    for (std::size_t i = 0; i < out.size(); ++i)
        BOOST_TEST(out[i] ==
                   (static_cast<float>(card.rgb[i]) / 255.0f - imagenet.mean[i % 3]) / imagenet.deviation[i % 3]);
    std::vector<float> alone(out.size());
    normalize(card.rgb, imagenet, alone);
    BOOST_TEST((alone == out));
}

BOOST_AUTO_TEST_CASE(a_range_of_255_keeps_values_as_they_are) {
    auto const card = test_card(16, 16);
    auto raw = plain;
    raw.range = 255;
    auto const out = preprocessed(card, 16, raw);
    for (std::size_t i = 0; i < out.size(); ++i) BOOST_TEST(out[i] == static_cast<float>(card.rgb[i]));
    raw = {{100, 110, 120}, {50, 60, 70}, 255};
    auto const normalised = preprocessed(card, 16, raw);
    for (std::size_t i = 0; i < out.size(); ++i)
        BOOST_TEST(normalised[i] == (out[i] - raw.mean[i % 3]) / raw.deviation[i % 3]);
}

BOOST_AUTO_TEST_CASE(a_network_of_one_channel_sees_grey) {
    Picture const colours{1, 5, {255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77, 255, 255, 255}};
    std::vector<std::uint8_t> const luma{76, 150, 29, 77, 255};  // PIL: Image.convert("L")
    BOOST_TEST((grey_of(colours) == luma));
    auto const out = preprocessed(colours, 1, 5, plain_grey);
    for (std::size_t i = 0; i < luma.size(); ++i) BOOST_TEST(out[i] == static_cast<float>(luma[i]) / 255.0f);
}

BOOST_AUTO_TEST_CASE(sides_need_not_be_equal) {
    auto const card = test_card(10, 6);
    auto const narrow = preprocessed(card, 10, 3, plain), square = preprocessed(card, 10, 10, plain);
    auto const low = preprocessed(card, 5, 6, plain);
    BOOST_TEST(narrow.size() == 10u * 3u * 3u);
    for (std::size_t row = 0; row < 10; ++row)
        for (std::size_t c = 0; c < 3; ++c)  // six columns to three: half of the first two; to ten: the first alone
            BOOST_TEST(narrow[row * 9 + c] == (static_cast<float>(card.rgb[row * 18 + c]) +
                                               static_cast<float>(card.rgb[row * 18 + 3 + c])) /
                                                  2 / 255.0f,
                       boost::test_tools::tolerance(1e-6f));
    for (std::size_t column = 0; column < 6; ++column)
        BOOST_TEST(
            low[3 * column] ==
                (static_cast<float>(card.rgb[3 * column]) + static_cast<float>(card.rgb[18 + 3 * column])) / 2 / 255.0f,
            boost::test_tools::tolerance(1e-6f));
    BOOST_TEST(square[0] == static_cast<float>(card.rgb[0]) / 255.0f);
}

BOOST_AUTO_TEST_CASE(enlarges_with_half_pixel_centres) {
    // Two columns, 0 and 255, to four: centres at −0.25, 0.25, 0.75, 1.25 of the input, clamped.
    Picture const two{1, 2, {0, 0, 0, 255, 255, 255}};
    auto const out = preprocessed(two, 4, plain);
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
    auto const out = preprocessed(six, 2, plain);
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
        auto const out = preprocessed(card, size, imagenet);
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
    auto const picture = synthetic(1, 2, 64, 64, 3);
    BOOST_TEST((synthetic(1, 2, 64, 64, 3) == picture));
    BOOST_TEST((synthetic(2, 2, 64, 64, 3) != picture));
    BOOST_TEST((synthetic(1, 3, 64, 64, 3) != picture));
}

BOOST_AUTO_TEST_CASE(are_the_same_bytes_on_every_host) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (auto byte : synthetic(1, 0, 224, 224, 3)) hash = (hash ^ byte) * 0x100000001b3ULL;
    BOOST_TEST(hash == 9155085017253434301u);
}

BOOST_AUTO_TEST_CASE(have_any_shape) {
    BOOST_TEST(synthetic(1, 0, 49, 10, 1).size() == 490u);
    auto const features = synthetic(1, 0, 1, 1, 640);
    BOOST_TEST(features.size() == 640u);
    BOOST_TEST(std::set<int>(features.begin(), features.end()).size() > 60u);
}

BOOST_AUTO_TEST_CASE(are_smooth_and_coloured) {
    for (std::int64_t index = 0; index < 20; ++index) {
        int const size = 224;
        auto const picture = synthetic(7, index, size, size, 3);
        int steepest = 0;
        std::set<int> values;
        long long colour = 0;
        for (std::size_t i = 0; i < picture.size(); ++i) {
            values.insert(picture[i]);
            if (i % static_cast<std::size_t>(3 * size) >= 3)
                steepest = std::max(steepest, std::abs(picture[i] - picture[i - 3]));
            if (i % 3 == 0) colour += std::abs(picture[i] - picture[i + 1]);
        }
        BOOST_TEST(steepest <= 12);
        BOOST_TEST(values.size() > 60u);
        BOOST_TEST(colour / (size * size) > 5);
    }
}

BOOST_AUTO_TEST_SUITE_END()
