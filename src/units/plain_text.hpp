#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

// Text as people paste it: from documents, web pages and other keyboards.
namespace skipstone {

// The same text (UTF-8) with what means just one thing written plainly: every blank of Unicode as ' ', full-width
// characters (U+FF01 to U+FF5E) as those of ASCII; characters without width, byte order marks among them, fall away.
std::string plain_text(std::string_view text);

// "U+2212 (minus sign) stands where \"-\" is meant": of the first character that looks like one of ASCII and is not:
// dashes, quotation marks, slashes. "" when there is none.
std::string lookalike(std::string_view text);

// Whether a text begins with the byte order mark of UTF-16.
bool is_utf16(std::string_view text);

// A whole number as every option and key reads it: decimal, "010" is ten and "08" eight; "+5", "1e3" and "1_000" are
// taken. Throws InputError (without a place) that says what is wrong with the text, and the range: "is -1; it must be a
// whole number of at least 0".
std::int64_t parse_whole_number(std::string_view text, std::int64_t low,
                                std::int64_t high = std::numeric_limits<std::int64_t>::max());
// A decimal number; throws in the same way. what: "a number of seconds above 0", for the message.
double parse_decimal(std::string_view text, std::string_view what);

// "a whole number from 1 to 10", "a whole number of at least 0".
std::string whole_range(std::int64_t low, std::int64_t high);

}  // namespace skipstone
