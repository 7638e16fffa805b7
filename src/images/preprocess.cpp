#include "images/preprocess.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "units/error.hpp"

namespace skipstone::images {

namespace {

// Where one output row or column comes from: near * (1 − share) + far * share.
struct Tap {
    std::size_t near, far;
    float share;
};

std::vector<Tap> taps(int from, int to) {
    float const scale = static_cast<float>(from) / static_cast<float>(to);
    std::vector<Tap> result;
    result.reserve(static_cast<std::size_t>(to));
    for (int i = 0; i < to; ++i) {
        float const position = std::max(0.0f, scale * (static_cast<float>(i) + 0.5f) - 0.5f);
        int const near = std::min(static_cast<int>(position), from - 1);
        int const far = std::min(near + 1, from - 1);
        result.push_back({static_cast<std::size_t>(near), static_cast<std::size_t>(far),
                          std::clamp(position - static_cast<float>(near), 0.0f, 1.0f)});
    }
    return result;
}

void check(Normalization const& normalization) {
    SKIPSTONE_EXPECT(!normalization.mean.empty() && normalization.mean.size() == normalization.deviation.size() &&
                     normalization.range > 0);
    for (float const deviation : normalization.deviation) SKIPSTONE_EXPECT(deviation > 0);
}

}  // namespace

void preprocess(Picture const& picture, int height, int width, Normalization const& normalization,
                std::span<float> out) {
    check(normalization);
    auto const& mean = normalization.mean;
    auto const& deviation = normalization.deviation;
    auto const channels = mean.size();
    SKIPSTONE_EXPECT(height >= 1 && width >= 1 && picture.height >= 1 && picture.width >= 1);
    SKIPSTONE_EXPECT(channels == 1 || channels == 3);
    SKIPSTONE_EXPECT(picture.rgb.size() == std::size_t(3) * static_cast<std::size_t>(picture.height) *
                                               static_cast<std::size_t>(picture.width));
    SKIPSTONE_EXPECT(out.size() == channels * static_cast<std::size_t>(height) * static_cast<std::size_t>(width));

    auto const grey = channels == 1 ? grey_of(picture) : std::vector<std::uint8_t>();
    std::uint8_t const* const bytes = channels == 1 ? grey.data() : picture.rgb.data();
    auto const stride = channels * static_cast<std::size_t>(picture.width);
    float const largest = 255.0f / normalization.range;
    auto const rows = taps(picture.height, height);
    auto const columns = taps(picture.width, width);
    auto value = out.begin();
    for (auto const& row : rows) {
        std::uint8_t const* const above = bytes + stride * row.near;
        std::uint8_t const* const below = bytes + stride * row.far;
        for (auto const& column : columns) {
            for (std::size_t c = 0; c < channels; ++c) {
                auto const left = channels * column.near + c, right = channels * column.far + c;
                float const stay = 1.0f - column.share;
                float const upper = stay * above[left] + column.share * above[right];
                float const lower = stay * below[left] + column.share * below[right];
                float const mixed = (1.0f - row.share) * upper + row.share * lower;
                *value++ = (mixed / largest - mean[c]) / deviation[c];
            }
        }
    }
}

void normalize(std::span<std::uint8_t const> bytes, Normalization const& normalization, std::span<float> out) {
    check(normalization);
    auto const channels = normalization.mean.size();
    SKIPSTONE_EXPECT(bytes.size() == out.size() && bytes.size() % channels == 0);
    float const largest = 255.0f / normalization.range;
    for (std::size_t i = 0; i < bytes.size(); i += channels)
        for (std::size_t c = 0; c < channels; ++c)
            out[i + c] =
                (static_cast<float>(bytes[i + c]) / largest - normalization.mean[c]) / normalization.deviation[c];
}

std::vector<std::uint8_t> grey_of(Picture const& picture) {
    std::vector<std::uint8_t> grey(picture.rgb.size() / 3);
    for (std::size_t i = 0; i < grey.size(); ++i) {
        std::uint8_t const* const pixel = picture.rgb.data() + 3 * i;
        // The weights in 65536ths.
        grey[i] = static_cast<std::uint8_t>((pixel[0] * 19595U + pixel[1] * 38470U + pixel[2] * 7471U + 0x8000U) >> 16);
    }
    return grey;
}

}  // namespace skipstone::images
