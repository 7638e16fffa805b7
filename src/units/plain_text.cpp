#include "units/plain_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <system_error>

#include "units/error.hpp"

namespace skipstone {

namespace {

struct Character {
    char32_t code = 0;
    std::size_t bytes = 1;
};

// The character at the text's beginning; of what is no UTF-8, one byte.
Character first_character(std::string_view text) {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    std::size_t const bytes = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : byte(0) >= 0xc0 ? 2 : 1;
    if (bytes == 1 || text.size() < bytes) return {byte(0), 1};
    char32_t code = byte(0) & (0xffU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xc0U) != 0x80) return {byte(0), 1};
        code = code << 6U | (byte(i) & 0x3fU);
    }
    return {code, bytes};
}

bool is_blank(char32_t code) {
    return code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f || code == 0x205f ||
           code == 0x3000;
}

bool has_no_width(char32_t code) {
    return code == 0xad || (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x2064) || code == 0xfeff;
}

struct Lookalike {
    char32_t code;
    char meant;
    std::string_view name;
};
constexpr std::array lookalikes{
    Lookalike{0x2212, '-', "minus sign"},
    Lookalike{0x2010, '-', "hyphen"},
    Lookalike{0x2011, '-', "non-breaking hyphen"},
    Lookalike{0x2012, '-', "figure dash"},
    Lookalike{0x2013, '-', "en dash"},
    Lookalike{0x2014, '-', "em dash"},
    Lookalike{0x2015, '-', "horizontal bar"},
    Lookalike{0xfe58, '-', "small em dash"},
    Lookalike{0xfe63, '-', "small hyphen"},
    Lookalike{0x2018, '\'', "left single quotation mark"},
    Lookalike{0x2019, '\'', "right single quotation mark"},
    Lookalike{0x201a, '\'', "low quotation mark"},
    Lookalike{0x2032, '\'', "prime"},
    Lookalike{0x201c, '"', "left double quotation mark"},
    Lookalike{0x201d, '"', "right double quotation mark"},
    Lookalike{0x201e, '"', "low double quotation mark"},
    Lookalike{0x2033, '"', "double prime"},
    Lookalike{0xab, '"', "left guillemet"},
    Lookalike{0xbb, '"', "right guillemet"},
    Lookalike{0x2044, '/', "fraction slash"},
    Lookalike{0x2215, '/', "division slash"},
    Lookalike{0x066b, '.', "Arabic decimal separator"},
    Lookalike{0xb7, '.', "middle dot"},
};

std::string_view trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Underscores between digits taken out; nothing where one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '_') {
            result += text[i];
            continue;
        }
        if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) return std::nullopt;
    }
    return result;
}

std::string quoted(std::string_view text) {
    constexpr std::size_t longest = 60;
    return '"' + std::string(text.substr(0, longest)) + (text.size() > longest ? "…\"" : "\"");
}

// The value of "0x10", "0o17", "0b101".
std::optional<std::int64_t> in_another_base(std::string_view digits) {
    if (digits.size() < 3 || digits.front() != '0') return std::nullopt;
    char const letter = static_cast<char>(digits[1] | 0x20);
    int const base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (base == 0) return std::nullopt;
    std::int64_t value = 0;
    auto const end = digits.data() + digits.size();
    auto const result = std::from_chars(digits.data() + 2, end, value, base);
    if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
    return value;
}

struct Parsed {
    std::optional<std::int64_t> whole;  // where it is written with digits alone
    double value = 0;
};

// expected: what the number must be, for messages.
Parsed parse(std::string_view text, std::string const& expected) {
    auto const fail = [&](std::string const& problem) -> InputError {
        return InputError(quoted(text) + " " + problem + "; it must be " + expected);
    };
    std::string const plain = plain_text(text);
    auto const bare = without_underscores(trimmed(plain));
    if (!bare || bare->empty()) throw fail(trimmed(plain).empty() ? "holds no number" : "is no number");
    std::string_view digits = *bare;
    bool const minus = digits.starts_with('-');
    if (minus || digits.starts_with('+')) digits.remove_prefix(1);
    if (auto const problem = lookalike(plain); !problem.empty()) throw fail("is no number: " + problem);
    if (auto const other = in_another_base(digits))
        throw fail("is not decimal (write " + std::string(minus ? "-" : "") + std::to_string(*other) + ")");
    if (auto const comma = digits.find(',');
        comma != std::string_view::npos && digits.find_first_not_of("0123456789,.eE+-") == std::string_view::npos)
        throw fail("has a comma; a fraction is written with a point, and thousands are not set apart");
    if (digits.empty() || (!is_digit(digits.front()) && digits.front() != '.')) throw fail("is no number");
    Parsed parsed;
    auto const end = digits.data() + digits.size();
    if (digits.find_first_not_of("0123456789") == std::string_view::npos) {
        std::int64_t whole = 0;
        if (std::from_chars(digits.data(), end, whole).ec != std::errc())
            throw fail("is out of range (whole numbers go to " +
                       std::to_string(std::numeric_limits<std::int64_t>::max()) + ")");
        parsed.whole = minus ? -whole : whole;
        parsed.value = static_cast<double>(*parsed.whole);
        return parsed;
    }
    auto const result = std::from_chars(digits.data(), end, parsed.value);
    if (result.ec == std::errc::result_out_of_range) throw fail("is out of range");
    if (result.ec != std::errc() || result.ptr != end) throw fail("is no number");
    if (minus) parsed.value = -parsed.value;
    return parsed;
}

}  // namespace

std::string plain_text(std::string_view text) {
    std::string plain;
    while (!text.empty()) {
        auto const [code, bytes] = first_character(text);
        if (is_blank(code) && bytes > 1)
            plain += ' ';
        else if (code >= 0xff01 && code <= 0xff5e)
            plain += static_cast<char>(code - 0xff01 + '!');
        else if (bytes == 1 || !has_no_width(code))
            plain += text.substr(0, bytes);
        text.remove_prefix(bytes);
    }
    return plain;
}

std::string lookalike(std::string_view text) {
    while (!text.empty()) {
        auto const [code, bytes] = first_character(text);
        auto const found = std::ranges::find(lookalikes, code, &Lookalike::code);
        if (bytes > 1 && found != lookalikes.end()) {
            char number[16];
            std::snprintf(number, sizeof number, "U+%04X", static_cast<unsigned>(code));
            return std::string(number) + " (" + std::string(found->name) + ") stands where " +
                   (found->meant == '"' ? "'\"'" : "\"" + std::string(1, found->meant) + "\"") + " is meant";
        }
        text.remove_prefix(bytes);
    }
    return "";
}

bool is_utf16(std::string_view text) {
    return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
}

std::string whole_range(std::int64_t low, std::int64_t high) {
    using Limits = std::numeric_limits<std::int64_t>;
    if (low == Limits::min() && high == Limits::max()) return "a whole number";
    if (high == Limits::max()) return "a whole number of at least " + std::to_string(low);
    return "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
}

std::int64_t parse_whole_number(std::string_view text, std::int64_t low, std::int64_t high) {
    auto const range = whole_range(low, high);
    auto const parsed = parse(text, range);
    auto const fail = [&] { return InputError("is " + plain_text(trimmed(text)) + "; it must be " + range); };
    if (!parsed.whole && (parsed.value != std::floor(parsed.value) || !(std::abs(parsed.value) < 0x1p53))) throw fail();
    auto const number = parsed.whole.value_or(static_cast<std::int64_t>(parsed.whole ? 0 : parsed.value));
    if (number < low || number > high) throw fail();
    return number;
}

double parse_decimal(std::string_view text, std::string_view what) {
    return parse(text, std::string(what)).value;
}

}  // namespace skipstone
