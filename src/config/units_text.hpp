#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "units/quantity.hpp"

// Quantities as text: a number and a unit, "1.4 GMAC/s", "100 MB", "5 ms".
namespace skipstone::config {

// One way to write a quantity: value = number · factor · 10^exponent in the quantity's own unit.
struct Unit {
    std::string_view name;
    int exponent = 0;
    double factor = 1;
};

// What a kind of quantity is called, how it may be written, and an example; for parsing and for error messages.
struct UnitSystem {
    std::string_view noun;        // "a time"
    std::string_view example;     // "5 ms"
    std::span<Unit const> units;  // powers of ten ascending first, then others
    std::string_view base;        // name of the unit with factor 1 and exponent 0
    // What a file may give such a quantity, in that unit: 0, or a number in between. Wide enough for every device that
    // there is, and narrow enough that whatever is counted from such numbers is finite.
    double least = 0, most = std::numeric_limits<double>::max();
};

template <class Q>
UnitSystem const& unit_system();  // Seconds, Bytes, BitRate, Macs, MacRate, Watts, Joules

template <>
UnitSystem const& unit_system<Seconds>();
template <>
UnitSystem const& unit_system<Bytes>();
template <>
UnitSystem const& unit_system<BitRate>();
template <>
UnitSystem const& unit_system<Macs>();
template <>
UnitSystem const& unit_system<MacRate>();
template <>
UnitSystem const& unit_system<Watts>();
template <>
UnitSystem const& unit_system<Joules>();

// "a time is written as a number and one of ns, us, ms, s, min, h, such as "5 ms""
std::string how_to_write(UnitSystem const& system);
// "a time is 0, or from 1e-12 s to 1e+10 s"
std::string range_text(UnitSystem const& system);

// The value in the system's own unit, correctly rounded for units that are powers of ten. Throws InputError (without a
// place) for a missing or unknown unit, a number that is none, and one that is negative, not finite or too large.
double parse_real(std::string_view text, UnitSystem const& system);
// The same as a whole number: fractions of the own unit are refused when it was written with that, and rounded
// otherwise.
std::int64_t parse_whole(std::string_view text, UnitSystem const& system);

// The shortest text that parses to the same value, with the largest decimal unit that leaves a number of at least 1.
// value >= 0, finite.
std::string write_real(double value, UnitSystem const& system);
std::string write_whole(std::int64_t value, UnitSystem const& system);

template <class Q>
Q parse_quantity(std::string_view text) {
    if constexpr (std::is_floating_point_v<typename Q::rep>)
        return Q(parse_real(text, unit_system<Q>()));
    else
        return Q(parse_whole(text, unit_system<Q>()));
}

template <class Q>
std::string quantity_text(Q quantity) {
    if constexpr (std::is_floating_point_v<typename Q::rep>)
        return write_real(quantity.value(), unit_system<Q>());
    else
        return write_whole(quantity.value(), unit_system<Q>());
}

// The shortest text of a finite number that parses to the same double; always with a point or an exponent ("3.0").
std::string number_text(double value);

}  // namespace skipstone::config
