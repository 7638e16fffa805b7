// A PNG or JPEG picture, made into a network's input.
#include <array>
#include <cmath>

#include "images/decode.hpp"
#include "images/preprocess.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    images::Picture picture;
    if (!fuzz::accepts([&] { picture = images::decode_picture({data, size}, "picture"); })) return 0;
    fuzz::require(picture.height > 0 && picture.width > 0 &&
                      picture.rgb.size() ==
                          3 * static_cast<std::size_t>(picture.height) * static_cast<std::size_t>(picture.width),
                  "a picture has three bytes per pixel");
    constexpr int side = 8;
    std::array<float, 3 * side * side> input{};
    images::preprocess(picture, side, side, {{0.5F, 0.5F, 0.5F}, {0.25F, 0.25F, 0.25F}}, input);
    for (float const value : input) fuzz::require(std::abs(value) <= 2.0001F, "an input lies within its range");
    return 0;
}
