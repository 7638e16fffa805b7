#pragma once

#include <compare>
#include <cstdint>

namespace skipstone {

// The most bytes or MACs that a file may give something, 2^53: below it every whole number is a double, too, and sums
// stay far from overflowing.
inline constexpr std::int64_t largest_amount = std::int64_t{1} << 53;

// A number with a unit. The stored value is in the unit that the alias below names; value() is the only way out.
template <class Tag, class Rep>
class Quantity {
  public:
    using rep = Rep;

    constexpr Quantity() = default;
    constexpr explicit Quantity(Rep value) : value_(value) {}

    constexpr Rep value() const { return value_; }
    constexpr auto operator<=>(Quantity const&) const = default;

    constexpr Quantity operator-() const { return Quantity(-value_); }
    constexpr Quantity& operator+=(Quantity other) {
        value_ += other.value_;
        return *this;
    }
    constexpr Quantity& operator-=(Quantity other) {
        value_ -= other.value_;
        return *this;
    }
    friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.value_ + b.value_); }
    friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.value_ - b.value_); }
    friend constexpr Quantity operator*(Rep factor, Quantity a) { return Quantity(factor * a.value_); }
    friend constexpr Quantity operator*(Quantity a, Rep factor) { return Quantity(factor * a.value_); }
    friend constexpr double operator/(Quantity a, Quantity b) {
        return static_cast<double>(a.value_) / static_cast<double>(b.value_);
    }

  private:
    Rep value_ = Rep{};
};

using Seconds = Quantity<struct SecondsTag, double>;    // s, emulated unless a name says host
using Bytes = Quantity<struct BytesTag, std::int64_t>;  // B
using BitRate = Quantity<struct BitRateTag, double>;    // bit/s
using Macs = Quantity<struct MacsTag, std::int64_t>;    // multiply-accumulates
using MacRate = Quantity<struct MacRateTag, double>;    // MAC/s
using Watts = Quantity<struct WattsTag, double>;        // W
using Joules = Quantity<struct JoulesTag, double>;      // J

// Time to compute (Eq. 9).
constexpr Seconds operator/(Macs work, MacRate rate) {
    return Seconds(static_cast<double>(work.value()) / rate.value());
}
// Time to serialise (Eq. 10).
constexpr Seconds operator/(Bytes size, BitRate rate) {
    return Seconds(8.0 * static_cast<double>(size.value()) / rate.value());
}
constexpr Joules operator*(Watts power, Seconds time) {
    return Joules(power.value() * time.value());
}
constexpr Joules operator*(Seconds time, Watts power) {
    return power * time;
}

}  // namespace skipstone
