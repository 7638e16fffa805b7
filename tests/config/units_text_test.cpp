#include "config/units_text.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "support.hpp"
#include "units/nearest.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;

BOOST_AUTO_TEST_SUITE(units_text)

BOOST_AUTO_TEST_CASE(reads_numbers_with_decimal_units_exactly) {
    BOOST_TEST(parse_quantity<MacRate>("1.4 GMAC/s").value() == 1.4e9);
    BOOST_TEST(parse_quantity<Bytes>("100 MB").value() == 100'000'000);
    BOOST_TEST(parse_quantity<Joules>("800 J").value() == 800.0);
    BOOST_TEST(parse_quantity<Watts>("8 W").value() == 8.0);
    BOOST_TEST(parse_quantity<BitRate>("7.2 Mbit/s").value() == 7.2e6);
    BOOST_TEST(parse_quantity<Seconds>("5 ms").value() == 0.005);
    BOOST_TEST(parse_quantity<Seconds>("0 s").value() == 0.0);
    BOOST_TEST(parse_quantity<Seconds>("0.1 us").value() == 1e-7);
    BOOST_TEST(parse_quantity<Macs>("1.4 GMAC").value() == 1'400'000'000);
    BOOST_TEST(parse_quantity<Seconds>("1e-3 ms").value() == 1e-6);
    BOOST_TEST(parse_quantity<Bytes>(" 1e3 kB ").value() == 1'000'000);
    BOOST_TEST(parse_quantity<Bytes>("100MB").value() == 100'000'000);
    BOOST_TEST(parse_quantity<Seconds>("3 µs").value() == 3e-6);
}

BOOST_AUTO_TEST_CASE(reads_binary_and_other_units) {
    BOOST_TEST(parse_quantity<Bytes>("1 KiB").value() == 1024);
    BOOST_TEST(parse_quantity<Bytes>("1.5 GiB").value() == 1'610'612'736);
    BOOST_TEST(parse_quantity<Bytes>("9007199254740993 B").value() == 9'007'199'254'740'993);
    BOOST_TEST(parse_quantity<Joules>("37 Wh").value() == 133'200.0);
    BOOST_TEST(parse_quantity<Seconds>("2 min").value() == 120.0);
    BOOST_TEST(parse_quantity<Seconds>("1 h").value() == 3600.0);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_quantity_and_says_what_is) {
    struct {
        char const* text;
        char const* expected;
    } const cases[] = {
        {"5", "\"5\" has no unit; a time is a number and one of ns, us, ms, s, min, h, such as \"5 ms\""},
        {"", "\"\" has no number"},
        {"s", "\"s\" has no number"},
        {"-5 s", "\"-5 s\" is negative"},
        {"nan s", "\"nan s\" is not finite"},
        {"inf s", "\"inf s\" is not finite"},
        {"1e999 s", "\"1e999 s\" is out of range"},
        {"1e308 h", "\"1e308 h\" is out of range"},
        {"5 MS", "\"5 MS\" has the unknown unit \"MS\" (nearest: ms)"},
        {"5 J", "has the unknown unit \"J\""},
        {"5 s s", "has the unknown unit \"s s\""},
        {"0x10 s", "is not decimal"},
    };
    for (auto const& [text, expected] : cases)
        check_contains(message_of([&] { parse_quantity<Seconds>(text); }), expected);
    check_contains(message_of([] { parse_quantity<BitRate>("7.2 Mb/s"); }), "(nearest: Mbit/s)");
    check_contains(message_of([] { parse_quantity<BitRate>("1e300 Gbit/s"); }), "is out of range");
    check_contains(message_of([] { parse_quantity<Bytes>("0.5 B"); }), "is not a whole number of B");
    check_contains(message_of([] { parse_quantity<Bytes>("1e10 TB"); }), "is out of range");
    check_contains(message_of([] { parse_quantity<Bytes>("9223372036854775808 B"); }), "is out of range");
}

BOOST_AUTO_TEST_CASE(writes_the_largest_unit_that_fits) {
    BOOST_TEST(quantity_text(MacRate(1.4e9)) == "1.4 GMAC/s");
    BOOST_TEST(quantity_text(Bytes(100'000'000)) == "100 MB");
    BOOST_TEST(quantity_text(Bytes(1'073'741'824)) == "1.073741824 GB");
    BOOST_TEST(quantity_text(Seconds(0)) == "0 s");
    BOOST_TEST(quantity_text(Seconds(0.005)) == "5 ms");
    BOOST_TEST(quantity_text(Seconds(7200)) == "7200 s");
    BOOST_TEST(quantity_text(Watts(0.4)) == "400 mW");
    BOOST_TEST(quantity_text(BitRate(72.2e6)) == "72.2 Mbit/s");
    BOOST_TEST(number_text(3) == "3.0");
    BOOST_TEST(number_text(1e300) == "1e+300");
}

BOOST_AUTO_TEST_CASE(text_comes_back_as_the_same_value) {
    RandomStream random(1, "units_text");
    for (int i = 0; i < 20000; ++i) {
        double const value = std::ldexp(1 + random.uniform(), static_cast<int>(random.below(200)) - 100);
        BOOST_REQUIRE_EQUAL(parse_quantity<Seconds>(quantity_text(Seconds(value))).value(), value);
        BOOST_REQUIRE_EQUAL(parse_quantity<Joules>(quantity_text(Joules(value))).value(), value);
        BOOST_REQUIRE_EQUAL(parse_quantity<MacRate>(quantity_text(MacRate(value))).value(), value);
        auto const whole = static_cast<std::int64_t>(random.bits() >> (1 + random.below(62)));
        BOOST_REQUIRE_EQUAL(parse_quantity<Bytes>(quantity_text(Bytes(whole))).value(), whole);
    }
    for (double const value :
         {std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::max(), 1e-9, 0.1, 1.0 / 3})
        BOOST_TEST(parse_quantity<Seconds>(quantity_text(Seconds(value))).value() == value);
    auto const most = std::numeric_limits<std::int64_t>::max();
    BOOST_TEST(parse_quantity<Bytes>(quantity_text(Bytes(most))).value() == most);
}

BOOST_AUTO_TEST_CASE(finds_the_nearest_word) {
    BOOST_TEST(edit_distance("ca", "ac") == 1U);
    BOOST_TEST(edit_distance("kitten", "sitting") == 3U);
    BOOST_TEST(edit_distance("", "abc") == 3U);
    BOOST_TEST(edit_distance("Mac-Rate", "mac_rate") == 0U);
    BOOST_TEST(nearest("alhpa", std::vector<std::string>{"beta", "alpha", "gamma"}) == "alpha");
    BOOST_TEST(nearest("x", std::vector<std::string>{}).empty());
    BOOST_TEST(nearest("ab", std::vector<std::string>{"a", "b"}) == "a");
}

BOOST_AUTO_TEST_SUITE_END()
