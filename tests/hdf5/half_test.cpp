#include <unistd.h>

#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

#include "hdf5/file.hpp"

using namespace skipstone::hdf5;

BOOST_AUTO_TEST_SUITE(half)

BOOST_AUTO_TEST_CASE(every_float16_value_is_read_exactly) {
    std::vector<float> values;
    for (float sign : {1.0F, -1.0F}) {
        for (int mantissa = 0; mantissa < 1024; ++mantissa) {
            values.push_back(sign * std::ldexp(static_cast<float>(mantissa), -24));  // zero and subnormal
            for (int exponent = 1; exponent < 31; ++exponent)
                values.push_back(sign * std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25));
        }
        values.push_back(sign * std::numeric_limits<float>::infinity());
    }
    values.push_back(std::numeric_limits<float>::quiet_NaN());

    auto const path = std::filesystem::temp_directory_path() / ("skipstone_half_" + std::to_string(::getpid()) + ".h5");
    {
        auto file = File::create(path.string());
        file.create_floats("half", {values.size()}, values, FloatWidth::half);
    }
    auto const read = File::open(path.string(), Access::read).dataset("half").read_floats();
    std::filesystem::remove(path);
    BOOST_TEST_REQUIRE(read.size() == values.size());
    int wrong = 0;
    for (std::size_t i = 0; i + 1 < values.size(); ++i)
        wrong += std::bit_cast<std::uint32_t>(read[i]) != std::bit_cast<std::uint32_t>(values[i]);
    BOOST_TEST(wrong == 0);
    BOOST_TEST(std::isnan(read.back()));
}

BOOST_AUTO_TEST_SUITE_END()
