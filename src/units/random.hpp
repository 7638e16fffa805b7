#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace skipstone {

// A stream of random numbers that depends on the seed, the stream's name and its indices alone, and on no library or
// host: the same bits everywhere. Streams of different names or indices are independent; adding one does not shift the
// others. Generator: xoshiro256** (Blackman, Vigna 2018), its state derived by SplitMix64 over seed, name and indices.
class RandomStream {
  public:
    RandomStream(std::uint64_t seed, std::string_view name, std::int64_t index0 = 0, std::int64_t index1 = 0,
                 std::int64_t index2 = 0, std::int64_t index3 = 0);

    std::uint64_t bits();
    double uniform();                         // in [0, 1), 53 bits
    double uniform(double low, double high);  // in [low, high)
    std::int64_t below(std::int64_t bound);   // in [0, bound), unbiased; bound > 0
    double normal();                          // mean 0, deviation 1; polar method with a portable logarithm
    double exponential(double mean);
    std::int64_t poisson(double mean);  // mean >= 0

  private:
    std::array<std::uint64_t, 4> state_;
    double spare_normal_ = 0;
    bool has_spare_ = false;
};

// Natural logarithm from additions, multiplications and divisions only: the same bits on every IEEE-754 host. Relative
// error <= 1e-15 for x > 0 away from 1, absolute error <= 1e-16 near it.
double portable_log(double x);

}  // namespace skipstone
