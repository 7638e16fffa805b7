#include "units/plain_text.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <utility>

#include "units/error.hpp"

using namespace skipstone;

namespace {

std::string refusal(std::string_view text, std::int64_t low = 0, std::int64_t high = 100) {
    try {
        return "taken: " + std::to_string(parse_whole_number(text, low, high));
    } catch (InputError const& error) {
        return error.what();
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plain_text_and_numbers)

BOOST_AUTO_TEST_CASE(blanks_and_full_width_characters_become_plain) {
    BOOST_TEST(plain_text("5\u00a0ms\u2003\u3000x") == "5 ms  x");
    BOOST_TEST(plain_text("\ufeff\uff11\uff12\u200b\uff0e\uff15") == "12.5");
    BOOST_TEST(plain_text("größer µ μ 日本") == "größer µ μ 日本");
    BOOST_TEST(plain_text("\xff\xc3") == "\xff\xc3");
}

BOOST_AUTO_TEST_CASE(lookalikes_are_described) {
    BOOST_TEST(lookalike("plain - \"text\"") == "");
    BOOST_TEST(lookalike("a\u22121") == "U+2212 (minus sign) stands where \"-\" is meant");
    BOOST_TEST(lookalike("\u201cx\u201d") == "U+201C (left double quotation mark) stands where '\"' is meant");
}

BOOST_AUTO_TEST_CASE(whole_numbers_are_decimal) {
    for (auto const& [text, value] : {std::pair("010", 10), std::pair("08", 8), std::pair("+5", 5), std::pair("1e1", 10),
                                      std::pair("1_0", 10), std::pair(" 7 ", 7), std::pair("-0", 0), std::pair("5.0", 5)})
        BOOST_TEST(parse_whole_number(text, 0, 100) == value);
    BOOST_TEST(parse_whole_number("9223372036854775807", 0) == std::numeric_limits<std::int64_t>::max());
    BOOST_TEST(parse_whole_number("-3", -5) == -3);
}

BOOST_AUTO_TEST_CASE(what_is_no_whole_number_is_told) {
    for (auto const& [text, said] :
         {std::pair("-1", "is -1; it must be a whole number from 0 to 100"),
          std::pair("101", "is 101; it must be a whole number from 0 to 100"), std::pair("0x10", "is not decimal (write 16)"),
          std::pair("-0x10", "is not decimal (write -16)"), std::pair("0o17", "is not decimal (write 15)"),
          std::pair("0b11", "is not decimal (write 3)"), std::pair("1.5", "is 1.5; it must be"), std::pair("1,5", "has a comma"),
          std::pair("", "holds no number"), std::pair("ten", "\"ten\" is no number"), std::pair("1__0", "is no number"),
          std::pair("_1", "is no number"), std::pair("1e", "is no number"), std::pair("nan", "is no number"),
          std::pair("99999999999999999999", "is out of range"), std::pair("1e999", "is out of range"),
          std::pair("\u22121", "U+2212")}) {
        BOOST_TEST_CONTEXT(text) BOOST_TEST(refusal(text).find(said) != std::string::npos, refusal(text));
    }
    BOOST_CHECK_THROW(parse_decimal("0x1p3", "a number"), InputError);
    BOOST_TEST(parse_decimal("1_000.5", "a number") == 1000.5);
}

BOOST_AUTO_TEST_SUITE_END()
