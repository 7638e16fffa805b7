#include "units/random.hpp"

#include <bit>
#include <cmath>

#include "units/error.hpp"

namespace skipstone {

namespace {

constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;

std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view name, std::int64_t index0, std::int64_t index1,
                           std::int64_t index2, std::int64_t index3)
    : state_{} {
    std::uint64_t key = mix(seed + golden);
    std::uint64_t text = 0xcbf29ce484222325ULL;  // FNV-1a
    for (char c : name) text = (text ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    key = mix(key ^ mix(text + golden));
    for (std::int64_t index : {index0, index1, index2, index3})
        key = mix(key * 3 + mix(static_cast<std::uint64_t>(index) + golden));
    for (auto& word : state_) word = mix(key += golden);
}

std::uint64_t RandomStream::bits() {
    auto const result = std::rotl(state_[1] * 5, 7) * 9;
    auto const t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

double RandomStream::uniform() {
    return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

double RandomStream::uniform(double low, double high) {
    return low + (high - low) * uniform();
}

std::int64_t RandomStream::below(std::int64_t bound) {
    SKIPSTONE_EXPECT(bound > 0);
    auto const range = static_cast<std::uint64_t>(bound);
    auto const limit = (0 - range) % range;  // 2^64 mod range: values below it would be drawn once too often
    std::uint64_t x = bits();
    while (x < limit) x = bits();
    return static_cast<std::int64_t>(x % range);
}

double RandomStream::normal() {
    if (has_spare_) {
        has_spare_ = false;
        return spare_normal_;
    }
    double u = 0, v = 0, s = 0;
    do {
        u = 2 * uniform() - 1;
        v = 2 * uniform() - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    double const factor = std::sqrt(-2 * portable_log(s) / s);
    spare_normal_ = v * factor;
    has_spare_ = true;
    return u * factor;
}

double RandomStream::exponential(double mean) {
    return -mean * portable_log(1 - uniform());
}

std::int64_t RandomStream::poisson(double mean) {
    SKIPSTONE_EXPECT(mean >= 0);
    std::int64_t count = 0;  // events of a unit-rate process before time `mean`
    for (double time = exponential(1); time <= mean; time += exponential(1)) ++count;
    return count;
}

double portable_log(double x) {
    SKIPSTONE_EXPECT(x > 0 && std::isfinite(x));
    int exponent = 0;
    double m = std::frexp(x, &exponent);  // exact
    if (m < 0.70710678118654752) {
        m *= 2;
        --exponent;
    }
    // ln m = 2 atanh(t), t = (m − 1)/(m + 1), |t| <= 0.1716
    double const t = (m - 1) / (m + 1);
    double const t2 = t * t;
    double series = 0;
    for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * t2;
    return exponent * 0.69314718055994530942 + 2 * (t + t * series);
}

}  // namespace skipstone
