#pragma once

#include <cstddef>
#include <limits>

// Arithmetic for convolutions that are computed as matrix products of tiles with panels, float32, by AVX-512: see
// streamed_convolution.hpp, which alone uses it. No function here is to be called where is_available() says no.
namespace skipstone::kernels::tiles {

// A tile: up to `pixels` rows of a matrix, [depth / lanes][row][lanes]. A panel: `channels` columns of weights,
// [depth][channels], aligned to 64. With 14 x 32 sums in registers, each number that is loaded is used 14 or 32 times.
inline constexpr int lanes = 16, pixels = 14, channels = 32;

// The processor has AVX-512, and oneDNN may use it.
bool is_available();

// What a result x is brought into: min(max(x, least), most). ReLU: 0 and infinity.
struct Bounds {
    float least = -std::numeric_limits<float>::infinity(), most = std::numeric_limits<float>::infinity();
};

// out[r][c] = bounds(bias[c] + what was there + sum over d of tile[r][d] panel[d][c]), in the order of d.
struct Product {
    float const* tile = nullptr;
    float const* panel = nullptr;
    int rows = pixels;  // of the tile: 1 … pixels
    int depth = 0;      // a multiple of lanes
    float* out = nullptr;
    std::size_t out_stride = 0;   // elements from row to row
    float const* bias = nullptr;  // none: zero
    bool adds = false;            // to what was there
    Bounds bounds;
    // What is to be fetched into the cache meanwhile: `ahead_step` bytes behind `ahead` for every `depth_step` of
    // depth.
    std::byte const* ahead = nullptr;
    std::size_t ahead_step = 0;
};

inline constexpr int depth_step = 2;

void multiply(Product const& product);

// The transforms of Winograd's F(m x m, 3x3) (Lavin and Gray 2016, sections 4.1 and 4.3) for `lanes` channels at a
// time; m: 2 or 4. Element (y, x) of a tile has the number y (m + 2) + x. BT d B: d are the (m + 2)^2 pixels; element i
// of the result goes to out + i * out_stride (elements).
void transform_input(int m, float const* const* d, float* out, std::size_t out_stride);
// AT t A: element i of t lies at t + i * t_stride. Pixel i of the m x m results goes to out[i], null for none:
// bounds(bias + result + what was there, if adds).
struct Finish {
    float const* bias = nullptr;
    bool adds = false;
    Bounds bounds;
};
void transform_output(int m, float const* t, std::size_t t_stride, float* const* out, Finish const& finish);

}  // namespace skipstone::kernels::tiles
