#include "kernels/streamed_convolution.hpp"

#include <omp.h>

#include <algorithm>
#include <array>

#include "kernels/tile_product.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

using tiles::lanes;

constexpr int most_elements = 36;  // of a transformed square or kernel

constexpr std::size_t size(int count) {
    return static_cast<std::size_t>(count);
}

// Winograd's m: outputs are computed in squares of m x m, by the products of (m + 2)^2 elements; 0: otherwise.
int square_of(ConvolutionAlgorithm algorithm) {
    switch (algorithm) {
        case ConvolutionAlgorithm::streamed_winograd_2x3:
            return 2;
        case ConvolutionAlgorithm::streamed_winograd_4x3:
            return 4;
        default:
            return 0;
    }
}

bool is_winograd(ConvolutionAlgorithm algorithm) {
    return square_of(algorithm) > 0;
}

int elements_of(ConvolutionAlgorithm algorithm) {
    auto const edge = square_of(algorithm) + 2;
    return edge * edge;
}

int ceil_div(int dividend, int divisor) {
    return (dividend + divisor - 1) / divisor;
}

// `count` things in `parts` runs of nearly equal length: where run i begins.
int begin_of(int i, int count, int parts) {
    return static_cast<int>(static_cast<long long>(count) * i / parts);
}

int depth_of(Convolution const& c) {
    return c.kernel_h * c.kernel_w * c.group_channels();
}

// Sums go through blocks of this depth, one after the other: a block of all tiles, the panel in use and the panel that
// is fetched are to fit a cache of 1 MB and more.
int block_depth(Convolution const& c) {
    constexpr int most = 1024;
    auto const depth = depth_of(c);
    return ceil_div(ceil_div(depth, ceil_div(depth, most)), lanes) * lanes;
}

// Tiles that are computed together: every chunk of them streams all weights.
int chunk_of(int all_tiles, std::size_t tile_bytes) {
    constexpr std::size_t most = 5U << 18U;
    auto const fitting = static_cast<int>(std::max<std::size_t>(1, most / tile_bytes));
    return ceil_div(all_tiles, ceil_div(all_tiles, fitting));
}

std::size_t tile_bytes(Convolution const& c, ConvolutionAlgorithm algorithm) {
    auto const depth = is_winograd(algorithm) ? elements_of(algorithm) * c.group_channels() : depth_of(c);
    return size(depth) * tiles::pixels * sizeof(float);
}

// Rows of the products: output pixels; Winograd: squares of them.
int rows_of(Convolution const& c, ConvolutionAlgorithm algorithm, int batch) {
    if (auto const m = square_of(algorithm)) return batch * ceil_div(c.out_height, m) * ceil_div(c.out_width, m);
    return batch * c.out_height * c.out_width;
}

// What is to be fetched during each step of depth, so that `tiles` products with one panel fetch another.
std::size_t ahead_step(int tiles) {
    return size(ceil_div(tiles::depth_step * tiles::channels * static_cast<int>(sizeof(float)), tiles));
}

// G g GT (Lavin and Gray 2016, sections 4.1 and 4.3) of a kernel g with 3 x 3 weights: the first (m + 2)^2 elements.
std::array<float, most_elements> transform_kernel(int m, float const* g) {
    using Line = std::array<double, 6>;
    auto const line = [m](double a, double b, double c) -> Line {
        if (m == 2) return {a, (a + b + c) / 2, (a - b + c) / 2, c};
        return {a / 4, -(a + b + c) / 6, -(a - b + c) / 6, (a + 2 * b + 4 * c) / 24, (a - 2 * b + 4 * c) / 24, c};
    };
    std::array<Line, 3> columns;
    for (std::size_t x = 0; x < 3; ++x) columns[x] = line(g[x], g[3 + x], g[6 + x]);
    std::array<float, most_elements> transformed{};
    auto const edge = size(m + 2);
    for (std::size_t y = 0; y < edge; ++y) {
        auto const row = line(columns[0][y], columns[1][y], columns[2][y]);
        for (std::size_t x = 0; x < edge; ++x) transformed[y * edge + x] = static_cast<float>(row[x]);
    }
    return transformed;
}

}  // namespace

// What one group reads and writes.
struct StreamedConvolution::Images {
    float const* source;
    float* destination;
    float const* weights;
    float const* bias;
    float* scratchpad;
};

bool StreamedConvolution::is_available(Convolution const& c, ConvolutionAlgorithm algorithm) {
    bool const shape =
        c.dilation_h == 1 && c.dilation_w == 1 &&
        (!is_winograd(algorithm) || (c.kernel_h == 3 && c.kernel_w == 3 && c.stride_h == 1 && c.stride_w == 1));
    return shape && c.precision == Precision::float32 && c.group_channels() % lanes == 0 &&
           c.out_channels % (c.groups * tiles::channels) == 0 && tiles::is_available();
}

std::size_t StreamedConvolution::weight_bytes(Convolution const& c, ConvolutionAlgorithm algorithm) {
    auto const depth = is_winograd(algorithm) ? elements_of(algorithm) * c.group_channels() : depth_of(c);
    return size(depth) * size(c.out_channels) * sizeof(float);
}

std::string StreamedConvolution::weight_format(Convolution const& c, ConvolutionAlgorithm algorithm) {
    return (c.groups == 1 ? "" : std::to_string(c.groups) + " of ") + std::to_string(c.out_channels / c.groups) + "x" +
           std::to_string(c.group_channels()) + "x" + std::to_string(c.kernel_h) +
           (c.kernel_w == c.kernel_h ? "" : "x" + std::to_string(c.kernel_w)) +
           (is_winograd(algorithm) ? "" : ":" + std::to_string(block_depth(c)));
}

// direct: [group][block of depth][panel][depth][channel], depth: kernel position, then input channel.
// Winograd: [panel][element][input channel][channel], panels of the first group first.
void StreamedConvolution::pack(Convolution const& c, ConvolutionAlgorithm algorithm, std::span<float const> plain,
                               std::span<float> packed) {
    auto const positions = size(c.kernel_h * c.kernel_w), inputs = size(c.group_channels()),
               outputs = size(c.out_channels);
    SKIPSTONE_EXPECT(plain.size() == positions * inputs * outputs);
    SKIPSTONE_EXPECT(packed.size_bytes() == weight_bytes(c, algorithm));
    constexpr auto width = size(tiles::channels);
    if (is_winograd(algorithm)) {
        auto const elements = size(elements_of(algorithm));
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t i = 0; i < inputs; ++i) {
                auto const transformed = transform_kernel(square_of(algorithm), &plain[(o * inputs + i) * positions]);
                for (std::size_t e = 0; e < elements; ++e)
                    packed[((o / width * elements + e) * inputs + i) * width + o % width] = transformed[e];
            }
        return;
    }
    auto const depth = size(depth_of(c)), block = size(block_depth(c));
    auto const in_group = outputs / size(c.groups);
    auto* to = packed.data();
    for (std::size_t group = 0; group < outputs; group += in_group)
        for (std::size_t begin = 0; begin < depth; begin += block)
            for (auto panel = group; panel < group + in_group; panel += width)
                for (auto d = begin; d < std::min(depth, begin + block); ++d)
                    for (auto o = panel; o < panel + width; ++o)
                        *to++ = plain[(o * inputs + d % inputs) * positions + d / inputs];
}

std::optional<tiles::Bounds> StreamedConvolution::bounds_of(Activation const& activation) {
    if (!activation) return tiles::Bounds{};
    if (activation->is_relu()) return tiles::Bounds{.least = 0};
    if (activation->kind == op::Activation::Kind::clip) return tiles::Bounds{activation->alpha, activation->beta};
    return std::nullopt;
}

StreamedConvolution::StreamedConvolution(Convolution const& convolution, ConvolutionAlgorithm algorithm, int batch,
                                         Destination destination, Activation const& activation)
    : convolution_(convolution),
      algorithm_(algorithm),
      batch_(batch),
      threads_(omp_get_max_threads()),
      adds_(destination == Destination::add),
      bounds_(*bounds_of(activation)) {
    SKIPSTONE_EXPECT(is_available(convolution, algorithm) && batch >= 1);
}

// A chunk of tiles; a pixel of zeros, for those around the image; Winograd: what a panel's products give, for each
// thread.
std::size_t StreamedConvolution::scratchpad_bytes() const {
    auto const all = ceil_div(rows_of(convolution_, algorithm_, batch_), tiles::pixels);
    auto const chunk = size(chunk_of(all, tile_bytes(convolution_, algorithm_)));
    auto bytes = chunk * tile_bytes(convolution_, algorithm_) + size(convolution_.group_channels()) * sizeof(float);
    if (is_winograd(algorithm_))
        bytes += size(threads_) * size(tiles::channels) * chunk * tiles::pixels * size(elements_of(algorithm_)) *
                 sizeof(float);
    return bytes;
}

void StreamedConvolution::run(Primitive::Arguments const& with) const {
    Images images{reinterpret_cast<float const*>(with.source), reinterpret_cast<float*>(with.destination),
                  reinterpret_cast<float const*>(with.weights), with.bias, reinterpret_cast<float*>(with.scratchpad)};
    auto const groups = size(convolution_.groups), outputs = size(convolution_.out_channels) / groups;
    for (std::size_t group = 0; group < groups; ++group) {
        if (is_winograd(algorithm_))
            run_winograd(images);
        else
            run_direct(images);
        images.source += convolution_.group_channels();
        images.destination += outputs;
        images.weights += weight_bytes(convolution_, algorithm_) / sizeof(float) / groups;
        images.bias += outputs;
    }
}

void StreamedConvolution::run_direct(Images const& images) const {
    auto const& c = convolution_;
    auto const depth = depth_of(c), block = block_depth(c);
    auto const rows = rows_of(c, algorithm_, batch_), all_tiles = ceil_div(rows, tiles::pixels);
    auto const chunk = chunk_of(all_tiles, tile_bytes(c, algorithm_));
    auto const inputs = size(c.group_channels()), outputs = size(c.out_channels / c.groups);
    auto const in_stride = size(c.in_channels), out_stride = size(c.out_channels);  // from pixel to pixel
    auto* const packed = images.scratchpad;
    auto* const zeros = packed + size(chunk) * size(depth) * tiles::pixels;
    std::fill_n(zeros, inputs, 0.0F);

    auto const gather = [&](int tile, float* to) {
        auto const begin = begin_of(tile, rows, all_tiles), end = begin_of(tile + 1, rows, all_tiles);
        auto const step = size(end - begin) * lanes;
        for (int position = 0; position < c.kernel_h * c.kernel_w; ++position) {
            for (int row = begin; row < end; ++row) {
                auto const image = row / (c.out_height * c.out_width), pixel = row % (c.out_height * c.out_width);
                auto const y = pixel / c.out_width * c.stride_h + position / c.kernel_w - c.padding_top;
                auto const x = pixel % c.out_width * c.stride_w + position % c.kernel_w - c.padding_left;
                bool const inside = y >= 0 && y < c.in_height && x >= 0 && x < c.in_width;
                auto const* const from =
                    inside ? images.source + (size(image * c.in_height + y) * size(c.in_width) + size(x)) * in_stride
                           : zeros;
                auto* const first = to + size(row - begin) * lanes;
                for (std::size_t i = 0; i < inputs / lanes; ++i) std::copy_n(from + i * lanes, lanes, first + i * step);
            }
            to += inputs / lanes * step;
        }
    };

    for (int first = 0; first < all_tiles; first += chunk) {
        auto const count = std::min(chunk, all_tiles - first);
#pragma omp parallel for num_threads(threads_) if (threads_ > 1) schedule(static)
        for (int t = 0; t < count; ++t) gather(first + t, packed + size(t) * size(depth) * tiles::pixels);
        for (int begin = 0; begin < depth; begin += block) {
#pragma omp parallel for num_threads(threads_) if (threads_ > 1) schedule(static)
            for (int o = 0; o < static_cast<int>(outputs); o += tiles::channels) {
                tiles::Product product;
                product.depth = std::min(block, depth - begin);
                product.out_stride = out_stride;
                product.bias = begin == 0 ? images.bias + o : nullptr;
                product.adds = adds_ || begin > 0;
                if (begin + block >= depth) product.bounds = bounds_;
                product.panel = images.weights + size(begin) * outputs + size(o) * size(product.depth);
                product.ahead =
                    reinterpret_cast<std::byte const*>(product.panel + size(product.depth) * tiles::channels);
                product.ahead_step = ahead_step(count);
                for (int t = 0; t < count; ++t) {
                    auto const row = begin_of(first + t, rows, all_tiles);
                    product.rows = begin_of(first + t + 1, rows, all_tiles) - row;
                    product.tile = packed + size(t) * size(depth) * tiles::pixels + size(begin) * size(product.rows);
                    product.out = images.destination + size(row) * out_stride + size(o);
                    tiles::multiply(product);
                    product.ahead += product.ahead_step * size(product.depth / tiles::depth_step);
                }
            }
        }
    }
}

void StreamedConvolution::run_winograd(Images const& images) const {
    auto const& c = convolution_;
    auto const m = square_of(algorithm_), edge = m + 2;
    auto const elements = size(edge * edge);
    auto const high = ceil_div(c.out_height, m), wide = ceil_div(c.out_width, m);
    auto const rows = rows_of(c, algorithm_, batch_), all_tiles = ceil_div(rows, tiles::pixels);
    auto const chunk = chunk_of(all_tiles, tile_bytes(c, algorithm_));
    auto const inputs = size(c.group_channels()), outputs = size(c.out_channels / c.groups);
    auto const in_stride = size(c.in_channels), out_stride = size(c.out_channels);  // from pixel to pixel
    auto const tile_size = inputs * tiles::pixels;                                  // of one element of the transform
    auto const sums_size = size(chunk) * tiles::pixels * tiles::channels;
    auto* const packed = images.scratchpad;
    auto* const zeros = packed + size(chunk) * elements * tile_size;
    auto* const all_sums = zeros + inputs;  // of each thread: [element][row][channel]
    std::fill_n(zeros, inputs, 0.0F);

    auto const gather = [&](int tile, float* to) {
        auto const begin = begin_of(tile, rows, all_tiles), end = begin_of(tile + 1, rows, all_tiles);
        auto const step = size(end - begin) * lanes;
        for (int row = begin; row < end; ++row) {
            auto const image = row / (high * wide), square = row % (high * wide);
            auto const top = square / wide * m - c.padding_top, left = square % wide * m - c.padding_left;
            std::array<float const*, most_elements> d{};
            for (int e = 0; e < edge * edge; ++e) {
                auto const y = top + e / edge, x = left + e % edge;
                bool const inside = y >= 0 && y < c.in_height && x >= 0 && x < c.in_width;
                d[size(e)] =
                    inside ? images.source + (size(image * c.in_height + y) * size(c.in_width) + size(x)) * in_stride
                           : zeros;
            }
            auto* first = to + size(row - begin) * lanes;
            for (std::size_t i = 0; i < inputs / lanes; ++i, first += step) {
                tiles::transform_input(m, d.data(), first, tile_size);
                for (std::size_t e = 0; e < elements; ++e) d[e] += lanes;
            }
        }
    };

    auto const scatter = [&](int row, float const* from, std::size_t o) {
        auto const image = row / (high * wide), square = row % (high * wide);
        auto const top = square / wide * m, left = square % wide * m;
        std::array<float*, most_elements> out{};
        for (int i = 0; i < m * m; ++i)
            if (auto const y = top + i / m, x = left + i % m; y < c.out_height && x < c.out_width)
                out[size(i)] = images.destination +
                               (size(image * c.out_height + y) * size(c.out_width) + size(x)) * out_stride + o;
        tiles::transform_output(m, from, sums_size, out.data(), {images.bias + o, adds_, bounds_});
    };

    for (int first = 0; first < all_tiles; first += chunk) {
        auto const count = std::min(chunk, all_tiles - first);
        auto const first_row = begin_of(first, rows, all_tiles);
        auto const end_row = begin_of(first + count, rows, all_tiles);
#pragma omp parallel for num_threads(threads_) if (threads_ > 1) schedule(static)
        for (int t = 0; t < count; ++t) gather(first + t, packed + size(t) * elements * tile_size);
#pragma omp parallel for num_threads(threads_) if (threads_ > 1) schedule(static)
        for (int o = 0; o < static_cast<int>(outputs); o += tiles::channels) {
            auto* const sums = all_sums + size(omp_get_thread_num()) * elements * sums_size;
            tiles::Product product;
            product.depth = c.group_channels();
            product.out_stride = size(tiles::channels);
            product.ahead_step = ahead_step(count);
            product.panel = images.weights + size(o) * elements * inputs;
            for (std::size_t e = 0; e < elements; ++e) {
                auto const* const next = product.panel + inputs * tiles::channels;
                product.ahead = reinterpret_cast<std::byte const*>(next);
                for (int t = 0; t < count; ++t) {
                    auto const row = begin_of(first + t, rows, all_tiles);
                    product.rows = begin_of(first + t + 1, rows, all_tiles) - row;
                    product.tile = packed + (size(t) * elements + e) * tile_size;
                    product.out = sums + e * sums_size + size(row - first_row) * tiles::channels;
                    tiles::multiply(product);
                    product.ahead += product.ahead_step * size(product.depth / tiles::depth_step);
                }
                product.panel = next;
            }
            for (int row = first_row; row < end_row; ++row)
                for (std::size_t half = 0; half < tiles::channels; half += lanes)
                    scatter(row, sums + size(row - first_row) * tiles::channels + half, size(o) + half);
        }
    }
}

}  // namespace skipstone::kernels
