#include "exits/pooling.hpp"

#include <algorithm>
#include <limits>

#include "units/error.hpp"

namespace skipstone::exits {

void pool(Tensor const& batch, Pooling pooling, std::span<float> rows, std::size_t stride) {
    auto const shape = batch.shape();
    auto const values = batch.values();
    auto const pooled = pooled_shape(shape, pooling);
    auto const channels = static_cast<std::size_t>(shape.c), width = static_cast<std::size_t>(pooled.c);
    auto const image = shape.elements() / static_cast<std::size_t>(shape.n);
    auto const down = stride_of(shape.h, pooling.grid), across = stride_of(shape.w, pooling.grid);
    float const share = 1 / static_cast<float>(down.window * across.window);
    for (std::size_t n = 0; n < static_cast<std::size_t>(shape.n); ++n) {
        float* to = rows.data() + n * stride;
        for (int y = 0; y < pooled.h; ++y)
            for (int x = 0; x < pooled.w; ++x, to += width) {
                std::fill_n(to, channels, 0.0F);
                if (pooling.maxima) std::fill_n(to + channels, channels, -std::numeric_limits<float>::infinity());
                for (int r = y * down.stride; r < y * down.stride + down.window; ++r)
                    for (int q = x * across.stride; q < x * across.stride + across.window; ++q) {
                        float const* from =
                            values.data() + n * image + static_cast<std::size_t>(r * shape.w + q) * channels;
                        for (std::size_t c = 0; c < channels; ++c) to[c] += from[c];
                        if (!pooling.maxima) continue;
                        for (std::size_t c = 0; c < channels; ++c)
                            to[channels + c] = std::max(to[channels + c], from[c]);
                    }
                for (std::size_t c = 0; c < channels; ++c) to[c] *= share;
            }
    }
}

std::size_t Features::size() const {
    std::size_t all = 0;
    for (auto const pooling : poolings) all += pooled_shape(input, pooling).elements();
    return all;
}

std::size_t Features::offset(Pooling pooling) const {
    std::size_t before = 0;
    for (auto const other : poolings) {
        if (other == pooling) return before;
        before += pooled_shape(input, other).elements();
    }
    SKIPSTONE_EXPECT(false);
    return before;
}

}  // namespace skipstone::exits
