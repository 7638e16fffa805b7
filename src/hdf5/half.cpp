#include "hdf5/half.hpp"

#include <algorithm>
#include <bit>

#include "hdf5/call.hpp"
#include "units/error.hpp"

namespace skipstone::hdf5 {

namespace {

float widened(std::uint16_t half) {
    std::uint32_t const sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
    std::uint32_t const exponent = (half >> 10) & 31;
    std::uint32_t const mantissa = half & 1023;
    std::uint32_t magnitude = ((exponent + 112) << 23) | (mantissa << 13);  // biases: 127 − 15
    if (exponent == 0) magnitude = std::bit_cast<std::uint32_t>(static_cast<float>(mantissa) * 0x1p-24F);
    if (exponent == 31) magnitude = 0x7f800000U | (mantissa << 13);  // infinity, NaN
    return std::bit_cast<float>(sign | magnitude);
}

}  // namespace

Handle half_type(std::string const& what) {
    auto type = HDF5_ACQUIRE(what, H5Tclose, H5Tcopy, H5T_IEEE_F32LE);
    HDF5_CALL(what, H5Tset_fields, type.get(), 15, 10, 5, 0, 10);
    HDF5_CALL(what, H5Tset_size, type.get(), 2);
    HDF5_CALL(what, H5Tset_ebias, type.get(), 15);
    return type;
}

void widen(std::span<std::uint16_t const> halves, std::span<float> values) {
    SKIPSTONE_EXPECT(halves.size() == values.size());
    std::ranges::transform(halves, values.begin(), widened);
}

}  // namespace skipstone::hdf5
