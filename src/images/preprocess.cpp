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

}  // namespace

void preprocess(Picture const& picture, int size, std::array<float, 3> const& mean,
                std::array<float, 3> const& deviation, std::span<float> out) {
    SKIPSTONE_EXPECT(size >= 1 && picture.height >= 1 && picture.width >= 1);
    auto const stride = std::size_t(3) * static_cast<std::size_t>(picture.width);
    SKIPSTONE_EXPECT(picture.rgb.size() == stride * static_cast<std::size_t>(picture.height));
    SKIPSTONE_EXPECT(out.size() == std::size_t(3) * static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
    for (float d : deviation) SKIPSTONE_EXPECT(d > 0);

    auto const rows = taps(picture.height, size);
    auto const columns = taps(picture.width, size);
    auto value = out.begin();
    for (auto const& row : rows) {
        std::uint8_t const* const above = picture.rgb.data() + stride * row.near;
        std::uint8_t const* const below = picture.rgb.data() + stride * row.far;
        for (auto const& column : columns) {
            for (std::size_t c = 0; c < 3; ++c) {
                auto const left = 3 * column.near + c, right = 3 * column.far + c;
                float const stay = 1.0f - column.share;
                float const upper = stay * above[left] + column.share * above[right];
                float const lower = stay * below[left] + column.share * below[right];
                float const mixed = (1.0f - row.share) * upper + row.share * lower;
                *value++ = (mixed / 255.0f - mean[c]) / deviation[c];
            }
        }
    }
}

}  // namespace skipstone::images
