#include "kernels/tile_product.hpp"

#include <iterator>

#include "kernels/host.hpp"
#include "units/error.hpp"

#if defined(__x86_64__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 105593: of intrinsics that have no undefined part
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace skipstone::kernels::tiles {

#if defined(__x86_64__)

namespace {

// For one function at a time: a whole file for AVX-512 could hand its copies of inline functions to the linker.
#define SKIPSTONE_AVX512 gnu::target("avx512f")

template <int Rows>
[[SKIPSTONE_AVX512]] void multiply_rows(Product const& product) {
    auto const stride = product.out_stride;
    __m512 sums[Rows][2];
    auto const first = product.bias ? _mm512_loadu_ps(product.bias) : _mm512_setzero_ps();
    auto const second = product.bias ? _mm512_loadu_ps(product.bias + lanes) : _mm512_setzero_ps();
#pragma GCC unroll 16
    for (int p = 0; p < Rows; ++p) {
        sums[p][0] = first;
        sums[p][1] = second;
    }
    auto* out = product.out;
    if (product.adds) {
#pragma GCC unroll 16
        for (int p = 0; p < Rows; ++p) {
            auto const* row = out + static_cast<std::size_t>(p) * stride;
            sums[p][0] = _mm512_add_ps(sums[p][0], _mm512_loadu_ps(row));
            sums[p][1] = _mm512_add_ps(sums[p][1], _mm512_loadu_ps(row + lanes));
        }
    }
    auto const* tile = product.tile;
    auto const* panel = product.panel;
    auto const* ahead = product.ahead;
    for (int block = 0; block < product.depth; block += lanes) {
#pragma GCC unroll 16
        for (int d = 0; d < lanes; ++d) {
            if (d % depth_step == 0) {
                for (std::size_t offset = 0; offset < product.ahead_step; offset += 64)
                    _mm_prefetch(reinterpret_cast<char const*>(ahead + offset), _MM_HINT_T1);
                ahead += product.ahead_step;
            }
            auto const left = _mm512_load_ps(panel + d * channels);
            auto const right = _mm512_load_ps(panel + d * channels + lanes);
#pragma GCC unroll 16
            for (int p = 0; p < Rows; ++p) {
                auto const value = _mm512_set1_ps(tile[p * lanes + d]);
                sums[p][0] = _mm512_fmadd_ps(value, left, sums[p][0]);
                sums[p][1] = _mm512_fmadd_ps(value, right, sums[p][1]);
            }
        }
        tile += Rows * lanes;
        panel += lanes * channels;
    }
    auto const least = _mm512_set1_ps(product.bounds.least), most = _mm512_set1_ps(product.bounds.most);
#pragma GCC unroll 16
    for (int p = 0; p < Rows; ++p) {
        auto* row = out + static_cast<std::size_t>(p) * stride;
        _mm512_storeu_ps(row, _mm512_min_ps(most, _mm512_max_ps(least, sums[p][0])));
        _mm512_storeu_ps(row + lanes, _mm512_min_ps(most, _mm512_max_ps(least, sums[p][1])));
    }
}

// One line of a tile: `in` and `out` are so far from one element to the next.
template <int M>
struct Winograd;

template <>
struct Winograd<2> {
    // BT = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1]
    [[SKIPSTONE_AVX512]] static void input(__m512 const* in, __m512* out, int stride) {
        out[0] = _mm512_sub_ps(in[0], in[2 * stride]);
        out[stride] = _mm512_add_ps(in[stride], in[2 * stride]);
        out[2 * stride] = _mm512_sub_ps(in[2 * stride], in[stride]);
        out[3 * stride] = _mm512_sub_ps(in[stride], in[3 * stride]);
    }
    // AT = [1 1 1 0; 0 1 -1 -1]
    [[SKIPSTONE_AVX512]] static void output(__m512 const* in, int in_stride, __m512* out, int out_stride) {
        auto const b = in[in_stride], c = in[2 * in_stride];
        out[0] = _mm512_add_ps(_mm512_add_ps(in[0], b), c);
        out[out_stride] = _mm512_sub_ps(_mm512_sub_ps(b, c), in[3 * in_stride]);
    }
};

template <>
struct Winograd<4> {
    // BT = [4 0 -5 0 1 0; 0 -4 -4 1 1 0; 0 4 -4 -1 1 0; 0 -2 -1 2 1 0; 0 2 -1 -2 1 0; 0 4 0 -5 0 1]
    [[SKIPSTONE_AVX512]] static void input(__m512 const* in, __m512* out, int stride) {
        auto const two = _mm512_set1_ps(2), four = _mm512_set1_ps(4), five = _mm512_set1_ps(5);
        auto const a = in[0], b = in[stride], c = in[2 * stride], d = in[3 * stride], e = in[4 * stride],
                   f = in[5 * stride];
        auto const even = _mm512_fnmadd_ps(four, c, e), odd = _mm512_fnmadd_ps(four, b, d);
        auto const near = _mm512_sub_ps(e, c), far = _mm512_mul_ps(two, _mm512_sub_ps(d, b));
        out[0] = _mm512_fmadd_ps(four, a, _mm512_fnmadd_ps(five, c, e));
        out[stride] = _mm512_add_ps(even, odd);
        out[2 * stride] = _mm512_sub_ps(even, odd);
        out[3 * stride] = _mm512_add_ps(near, far);
        out[4 * stride] = _mm512_sub_ps(near, far);
        out[5 * stride] = _mm512_fmadd_ps(four, b, _mm512_fnmadd_ps(five, d, f));
    }
    // AT = [1 1 1 1 1 0; 0 1 -1 2 -2 0; 0 1 1 4 4 0; 0 1 -1 8 -8 1]
    [[SKIPSTONE_AVX512]] static void output(__m512 const* in, int in_stride, __m512* out, int out_stride) {
        auto const two = _mm512_set1_ps(2), four = _mm512_set1_ps(4), eight = _mm512_set1_ps(8);
        auto const b = in[in_stride], c = in[2 * in_stride], d = in[3 * in_stride], e = in[4 * in_stride];
        auto const near_sum = _mm512_add_ps(b, c), near_difference = _mm512_sub_ps(b, c);
        auto const far_sum = _mm512_add_ps(d, e), far_difference = _mm512_sub_ps(d, e);
        out[0] = _mm512_add_ps(_mm512_add_ps(in[0], near_sum), far_sum);
        out[out_stride] = _mm512_fmadd_ps(two, far_difference, near_difference);
        out[2 * out_stride] = _mm512_fmadd_ps(four, far_sum, near_sum);
        out[3 * out_stride] = _mm512_add_ps(_mm512_fmadd_ps(eight, far_difference, near_difference), in[5 * in_stride]);
    }
};

template <int M>
[[SKIPSTONE_AVX512]] void transform_input_of(float const* const* d, float* out, std::size_t out_stride) {
    constexpr int edge = M + 2;
    __m512 pixels_here[edge * edge], columns[edge * edge];
#pragma GCC unroll 36
    for (int i = 0; i < edge * edge; ++i) pixels_here[i] = _mm512_loadu_ps(d[i]);
#pragma GCC unroll 6
    for (int x = 0; x < edge; ++x) Winograd<M>::input(pixels_here + x, columns + x, edge);
#pragma GCC unroll 6
    for (int y = 0; y < edge; ++y) Winograd<M>::input(columns + y * edge, pixels_here + y * edge, 1);
#pragma GCC unroll 36
    for (std::size_t i = 0; i < edge * edge; ++i) _mm512_storeu_ps(out + i * out_stride, pixels_here[i]);
}

template <int M>
[[SKIPSTONE_AVX512]] void transform_output_of(float const* t, std::size_t t_stride, float* const* out,
                                              Finish const& finish) {
    constexpr int edge = M + 2;
    __m512 tile[edge * edge], rows[M * edge], results[M * M];
#pragma GCC unroll 36
    for (std::size_t i = 0; i < edge * edge; ++i) tile[i] = _mm512_loadu_ps(t + i * t_stride);
#pragma GCC unroll 6
    for (int x = 0; x < edge; ++x) Winograd<M>::output(tile + x, edge, rows + x, edge);
#pragma GCC unroll 4
    for (int y = 0; y < M; ++y) Winograd<M>::output(rows + y * edge, 1, results + y * M, 1);
    auto const bias = _mm512_loadu_ps(finish.bias);
    auto const least = _mm512_set1_ps(finish.bounds.least), most = _mm512_set1_ps(finish.bounds.most);
#pragma GCC unroll 16
    for (int i = 0; i < M * M; ++i) {
        if (!out[i]) continue;
        auto value = _mm512_add_ps(results[i], bias);
        if (finish.adds) value = _mm512_add_ps(value, _mm512_loadu_ps(out[i]));
        _mm512_storeu_ps(out[i], _mm512_min_ps(most, _mm512_max_ps(least, value)));
    }
}

}  // namespace

bool is_available() {
    static bool const available = __builtin_cpu_supports("avx512f") && instruction_set().starts_with("avx512");
    return available;
}

void multiply(Product const& product) {
    static constexpr void (*by_rows[])(Product const&){
        multiply_rows<1>,  multiply_rows<2>,  multiply_rows<3>,  multiply_rows<4>, multiply_rows<5>,
        multiply_rows<6>,  multiply_rows<7>,  multiply_rows<8>,  multiply_rows<9>, multiply_rows<10>,
        multiply_rows<11>, multiply_rows<12>, multiply_rows<13>, multiply_rows<14>};
    static_assert(std::size(by_rows) == pixels);
    by_rows[product.rows - 1](product);
}

void transform_input(int m, float const* const* d, float* out, std::size_t out_stride) {
    m == 2 ? transform_input_of<2>(d, out, out_stride) : transform_input_of<4>(d, out, out_stride);
}

void transform_output(int m, float const* t, std::size_t t_stride, float* const* out, Finish const& finish) {
    m == 2 ? transform_output_of<2>(t, t_stride, out, finish) : transform_output_of<4>(t, t_stride, out, finish);
}

#else

bool is_available() {
    return false;
}

namespace {

[[noreturn]] void unavailable() {
    contract_failed("precondition", "tiles::is_available()", __FILE__, __LINE__);
}

}  // namespace

void multiply(Product const&) {
    unavailable();
}

void transform_input(int, float const* const*, float*, std::size_t) {
    unavailable();
}

void transform_output(int, float const*, std::size_t, float* const*, Finish const&) {
    unavailable();
}

#endif

}  // namespace skipstone::kernels::tiles
