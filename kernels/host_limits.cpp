#include "kernels/host_limits.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "kernels/host.hpp"
#include "kernels/primitives.hpp"

namespace skipstone::kernels {

namespace {

double fastest(int tries, std::function<void()> const& work) {
    using Clock = std::chrono::steady_clock;
    double least = 0;
    for (int i = 0; i < tries; ++i) {
        auto const begin = Clock::now();
        work();
        auto const seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        least = i == 0 ? seconds : std::min(least, seconds);
    }
    return least;
}

// Chains of multiply-adds that do not wait for each other, as many as hide an instruction's latency on two units.
struct Chains {
    int lanes;  // float32 values that one instruction works on
    int count;  // chains
    void (*run)(std::int64_t times);
};

#if defined(__x86_64__)
#define SKIPSTONE_FMA(kind, i) "vfmadd231ps %%" kind "14, %%" kind "15, %%" kind #i "\n"
#define SKIPSTONE_CHAINS(kind)                                                                                      \
    asm volatile("1:\n" SKIPSTONE_FMA(kind, 0) SKIPSTONE_FMA(kind, 1) SKIPSTONE_FMA(kind, 2) SKIPSTONE_FMA(kind, 3) \
                     SKIPSTONE_FMA(kind, 4) SKIPSTONE_FMA(kind, 5) SKIPSTONE_FMA(kind, 6) SKIPSTONE_FMA(kind, 7)    \
                         SKIPSTONE_FMA(kind, 8) SKIPSTONE_FMA(kind, 9) SKIPSTONE_FMA(kind, 10)                      \
                             SKIPSTONE_FMA(kind, 11) "dec %0\njnz 1b\n"                                             \
                 : "+r"(times)                                                                                      \
                 :                                                                                                  \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",   \
                   "xmm11", "xmm14", "xmm15")

void run_avx512(std::int64_t times) {
    asm volatile("vpxorq %%zmm14, %%zmm14, %%zmm14\nvpxorq %%zmm15, %%zmm15, %%zmm15\n" ::: "xmm14", "xmm15");
    SKIPSTONE_CHAINS("zmm");
    asm volatile("vzeroupper");
}

void run_avx2(std::int64_t times) {
    asm volatile("vpxor %%ymm14, %%ymm14, %%ymm14\nvpxor %%ymm15, %%ymm15, %%ymm15\n" ::: "xmm14", "xmm15");
    SKIPSTONE_CHAINS("ymm");
    asm volatile("vzeroupper");
}
#undef SKIPSTONE_CHAINS
#undef SKIPSTONE_FMA
#endif

// Without vectors that are known here, what the compiler makes of it.
void run_plain(std::int64_t times) {
    std::array<float, 12> values{};
    for (std::int64_t i = 0; i < times; ++i)
        for (auto& value : values) value = std::fma(value, 0.5F, 1.0F);
    volatile float const sink = std::accumulate(values.begin(), values.end(), 0.0F);
    (void)sink;
}

Chains widest() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return {16, 12, run_avx512};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {8, 12, run_avx2};
#endif
    return {1, 12, run_plain};
}

double matmul_rate() {
    constexpr int n = 768;
    constexpr std::size_t elements = std::size_t{n} * n;
    std::vector<float> const a(elements, 0.5F), b(elements, 0.25F);
    std::vector<float> c(elements);
    multiply(n, a, b, c);  // compiles
    return 2.0 * n * n * n / fastest(9, [&] { multiply(n, a, b, c); });
}

// One word of every cache line, in several streams at once: what memory gives, not how fast one sum adds up.
double memory_rate() {
    constexpr std::size_t streams = 8, line = 64 / sizeof(std::uint64_t), lines = std::size_t{512} << 10;
    std::vector<std::uint64_t> const values(streams * lines * line, 1);
    std::array<std::uint64_t, streams> sums{};
    auto const seconds = fastest(5, [&] {
        for (std::size_t i = 0; i < lines; ++i)
            for (std::size_t s = 0; s < streams; ++s) sums[s] += values[(s * lines + i) * line];
    });
    volatile std::uint64_t const sink = std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
    (void)sink;
    return static_cast<double>(values.size() * sizeof(std::uint64_t)) / seconds;
}

}  // namespace

double fma_peak() {
    auto const [lanes, count, run] = widest();
    constexpr std::int64_t times = 400'000;
    return 2.0 * lanes * count * static_cast<double>(times) / fastest(25, [&] { run(times); });
}

HostLimits measure_limits() {
    use_threads(1);
    return {fma_peak(), matmul_rate(), memory_rate()};
}

}  // namespace skipstone::kernels
