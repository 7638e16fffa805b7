#include "config/units_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <vector>

#include "units/error.hpp"
#include "units/nearest.hpp"
#include "units/plain_text.hpp"

namespace skipstone::config {

namespace {

constexpr std::array time_units{Unit{"ns", -9}, Unit{"us", -6},       Unit{"ms", -3},
                                Unit{"s", 0},   Unit{"min", 0, 60.0}, Unit{"h", 0, 3600.0}};
constexpr std::array size_units{Unit{"B", 0},
                                Unit{"kB", 3},
                                Unit{"MB", 6},
                                Unit{"GB", 9},
                                Unit{"TB", 12},
                                Unit{"KiB", 0, 1024.0},
                                Unit{"MiB", 0, 1048576.0},
                                Unit{"GiB", 0, 1073741824.0},
                                Unit{"TiB", 0, 1099511627776.0}};
constexpr std::array bit_rate_units{Unit{"bit/s", 0}, Unit{"kbit/s", 3}, Unit{"Mbit/s", 6}, Unit{"Gbit/s", 9}};
constexpr std::array mac_units{Unit{"MAC", 0}, Unit{"kMAC", 3}, Unit{"MMAC", 6}, Unit{"GMAC", 9}, Unit{"TMAC", 12}};
constexpr std::array mac_rate_units{Unit{"MAC/s", 0}, Unit{"kMAC/s", 3}, Unit{"MMAC/s", 6}, Unit{"GMAC/s", 9},
                                    Unit{"TMAC/s", 12}};
constexpr std::array power_units{Unit{"uW", -6}, Unit{"mW", -3}, Unit{"W", 0}, Unit{"kW", 3}};
constexpr std::array energy_units{Unit{"uJ", -6}, Unit{"mJ", -3},      Unit{"J", 0},          Unit{"kJ", 3},
                                  Unit{"MJ", 6},  Unit{"mWh", 0, 3.6}, Unit{"Wh", 0, 3600.0}, Unit{"kWh", 0, 3.6e6}};

constexpr UnitSystem times{"a time", "5 ms", time_units, "s", 1e-12, 1e10};
constexpr UnitSystem sizes{"a size", "100 MB", size_units, "B"};
constexpr UnitSystem bit_rates{"a data rate", "7.2 Mbit/s", bit_rate_units, "bit/s", 1e-3, 1e15};
constexpr UnitSystem works{"an amount of computation", "1.4 GMAC", mac_units, "MAC"};
constexpr UnitSystem mac_rates{"an arithmetic rate", "1.4 GMAC/s", mac_rate_units, "MAC/s", 1, 1e18};
constexpr UnitSystem powers{"a power", "8 W", power_units, "W", 1e-9, 1e9};
constexpr UnitSystem energies{"an energy", "800 J", energy_units, "J", 1e-9, 1e18};

std::string quoted(std::string_view text) {
    constexpr std::size_t longest = 60;
    return '"' + std::string(text.substr(0, longest)) + (text.size() > longest ? "…\"" : "\"");
}

std::string_view trimmed(std::string_view text) {
    auto const blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

struct Parsed {
    std::string_view number;  // as written, without a plus sign
    Unit unit;
};

[[noreturn]] void fail(std::string_view text, std::string const& problem, UnitSystem const& system) {
    throw InputError(quoted(text) + " " + problem + "; " + how_to_write(system));
}

// plain: plain_text(text), which the result looks into.
Parsed split(std::string_view text, std::string_view plain, UnitSystem const& system) {
    std::string_view rest = trimmed(plain);
    if (auto const problem = lookalike(plain); !problem.empty()) fail(text, "cannot be read: " + problem, system);
    if (auto const other = rest.substr(0, 2); other == "0x" || other == "0X" || other == "0b" || other == "0o")
        fail(text, "is not decimal", system);
    if (rest.starts_with('+')) rest.remove_prefix(1);
    double value = 0;
    auto const [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error == std::errc::invalid_argument) fail(text, "has no number", system);
    Parsed parsed;
    parsed.number = rest.substr(0, static_cast<std::size_t>(end - rest.data()));
    if (parsed.number.starts_with('-')) fail(text, "is negative", system);
    char const first = parsed.number.front();
    if ((first < '0' || first > '9') && first != '.') fail(text, "is not finite", system);
    if (error == std::errc::result_out_of_range) fail(text, "is out of range", system);
    std::string_view const name = trimmed(rest.substr(parsed.number.size()));
    if (name.starts_with(',') && name.size() > 1 && name[1] >= '0' && name[1] <= '9')
        fail(text, "has a comma in its number; a fraction is written with a point, and thousands are not set apart",
             system);
    if (name.empty()) fail(text, "has no unit", system);
    std::vector<std::string_view> names;
    for (Unit const& unit : system.units) {
        std::string_view const micro = unit.name.starts_with('u') ? unit.name.substr(1) : std::string_view();
        if (unit.name == name ||
            (!micro.empty() && (name == "µ" + std::string(micro) || name == "μ" + std::string(micro)))) {
            parsed.unit = unit;
            return parsed;
        }
        names.push_back(unit.name);
    }
    fail(text, "has the unknown unit " + quoted(name) + " (nearest: " + nearest(name, names) + ")", system);
}

// The decimal number `number`·10^exponent, correctly rounded; none when it leaves the range of a double.
std::optional<double> shifted(std::string_view number, int exponent) {
    std::size_t const mark = number.find_first_of("eE");
    int own = 0;
    if (mark != std::string_view::npos) {
        std::string_view digits = number.substr(mark + 1);
        if (digits.starts_with('+')) digits.remove_prefix(1);
        auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), own);
        if (error != std::errc() || end != digits.data() + digits.size() || std::abs(own) > 100000) {
            own = digits.starts_with('-') ? -100000 : 100000;
        }
    }
    std::string const text = std::string(number.substr(0, mark)) + "e" + std::to_string(own + exponent);
    double value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
    return value;
}

// `digits` (no point) times 10^exponent as a plain decimal.
std::string plain(std::string digits, int exponent) {
    if (exponent >= 0) return digits + std::string(static_cast<std::size_t>(exponent), '0');
    auto const places = static_cast<std::size_t>(-exponent);
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    digits.insert(digits.size() - places, ".");
    return digits;
}

// `digits`·10^exponent, digits without trailing zeros, written with a decimal unit.
std::string with_unit(std::string const& digits, int exponent, UnitSystem const& system) {
    int const magnitude = static_cast<int>(digits.size()) - 1 + exponent;  // of the leading digit
    Unit best{system.base};
    bool found = false;
    for (Unit const& unit : system.units) {
        if (unit.factor != 1) continue;
        if (!found || unit.exponent <= magnitude) best = unit;
        found = true;
    }
    int const shift = exponent - best.exponent;
    std::string number;
    if (shift > 20 || shift < -40) {
        number = digits.substr(0, 1) + (digits.size() > 1 ? "." + digits.substr(1) : "") + "e" +
                 std::to_string(magnitude - best.exponent);
    } else {
        number = plain(digits, shift);
    }
    return number + " " + std::string(best.name);
}

}  // namespace

template <>
UnitSystem const& unit_system<Seconds>() {
    return times;
}
template <>
UnitSystem const& unit_system<Bytes>() {
    return sizes;
}
template <>
UnitSystem const& unit_system<BitRate>() {
    return bit_rates;
}
template <>
UnitSystem const& unit_system<Macs>() {
    return works;
}
template <>
UnitSystem const& unit_system<MacRate>() {
    return mac_rates;
}
template <>
UnitSystem const& unit_system<Watts>() {
    return powers;
}
template <>
UnitSystem const& unit_system<Joules>() {
    return energies;
}

std::string how_to_write(UnitSystem const& system) {
    std::string text = std::string(system.noun) + " is a number and one of ";
    bool first = true;
    for (Unit const& unit : system.units) {
        if (!first) text += ", ";
        text += unit.name;
        first = false;
    }
    return text + ", such as \"" + std::string(system.example) + "\"";
}

std::string range_text(UnitSystem const& system) {
    auto const amount = [&](double value) {
        std::array<char, 32> text{};
        auto const [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
        return std::string(text.data(), end) + " " + std::string(system.base);
    };
    return std::string(system.noun) + " is 0, or from " + amount(system.least) + " to " + amount(system.most);
}

double parse_real(std::string_view text, UnitSystem const& system) {
    auto const plain = plain_text(text);
    Parsed const parsed = split(text, plain, system);
    auto const value = shifted(parsed.number, parsed.unit.exponent);
    if (!value || !std::isfinite(*value * parsed.unit.factor)) fail(text, "is out of range", system);
    return *value * parsed.unit.factor;
}

std::int64_t parse_whole(std::string_view text, UnitSystem const& system) {
    auto const plain = plain_text(text);
    Parsed const parsed = split(text, plain, system);
    bool const base = parsed.unit.name == system.base;
    if (base) {  // every int64 exactly
        std::int64_t value = 0;
        auto const end = parsed.number.data() + parsed.number.size();
        auto const result = std::from_chars(parsed.number.data(), end, value);
        if (result.ec == std::errc() && result.ptr == end) return value;
    }
    auto const shift = shifted(parsed.number, parsed.unit.exponent);
    double const value = shift ? *shift * parsed.unit.factor : std::numeric_limits<double>::infinity();
    if (!(value < 0x1p63)) fail(text, "is out of range", system);
    if (base && value != std::floor(value)) fail(text, "is not a whole number of " + std::string(system.base), system);
    return static_cast<std::int64_t>(std::nearbyint(value));
}

std::string write_real(double value, UnitSystem const& system) {
    SKIPSTONE_EXPECT(std::isfinite(value) && value >= 0);
    if (value == 0) return "0 " + std::string(system.base);
    std::array<char, 64> text{};
    auto const result = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
    std::string_view const scientific(text.data(), static_cast<std::size_t>(result.ptr - text.data()));  // d[.ddd]e±xx
    std::size_t const mark = scientific.find('e');
    std::string digits;
    for (char c : scientific.substr(0, mark))
        if (c != '.') digits += c;
    int exponent = std::atoi(std::string(scientific.substr(mark + 1)).c_str());
    exponent -= static_cast<int>(digits.size()) - 1;
    return with_unit(digits, exponent, system);
}

std::string write_whole(std::int64_t value, UnitSystem const& system) {
    SKIPSTONE_EXPECT(value >= 0);
    std::string digits = std::to_string(value);
    if (value == 0 || value > (std::int64_t{1} << 53)) return digits + " " + std::string(system.base);
    int exponent = 0;
    while (digits.back() == '0') {
        digits.pop_back();
        ++exponent;
    }
    return with_unit(digits, exponent, system);
}

std::string number_text(double value) {
    SKIPSTONE_EXPECT(std::isfinite(value));
    std::array<char, 64> text{};
    auto const result = std::to_chars(text.data(), text.data() + text.size(), value);
    std::string number(text.data(), static_cast<std::size_t>(result.ptr - text.data()));
    if (number.find_first_of(".e") == std::string::npos) number += ".0";
    return number;
}

}  // namespace skipstone::config
