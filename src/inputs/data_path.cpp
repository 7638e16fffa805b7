#include "inputs/data_path.hpp"

#include <charconv>
#include <filesystem>
#include <numeric>
#include <utility>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::inputs {

namespace {

// Takes a number from the front of the text; none when there is none there that fits.
template <typename Number>
std::optional<Number> take_number(std::string_view& text) {
    Number number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

bool take(std::string_view& text, std::string_view word) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
}

std::optional<DataPart> parse_part(std::string_view text) {
    DataPart part;
    auto const first = take_number<std::size_t>(text);
    if (!first || !take(text, "..")) return std::nullopt;
    part.first = *first;
    if (!text.empty() && text.front() != '~') {
        part.last = take_number<std::size_t>(text);
        if (!part.last) return std::nullopt;
    }
    if (take(text, "~")) {
        part.seed = take_number<std::uint64_t>(text);
        if (!part.seed) return std::nullopt;
    }
    if (!text.empty()) return std::nullopt;
    return part;
}

}  // namespace

DataPath parse_data_path(std::string const& text) {
    std::error_code ignored;
    auto const at = text.rfind('@');
    if (at == std::string::npos || at == 0 || std::filesystem::exists(text, ignored)) return {text, std::nullopt};
    auto const file = text.substr(0, at);
    if (auto const part = parse_part(std::string_view(text).substr(at + 1))) return {file, part};
    if (!std::filesystem::exists(file, ignored)) return {text, std::nullopt};
    throw InputError(
        {text, 0, ""},
        "is not there, and \"" + text.substr(at) +
            "\" is no part of a data set: write @FIRST..LAST (counted from 0, the last included), @FIRST.. "
            "(to the end), or either with ~SEED behind it (samples in random order)");
}

std::string file_of(std::string const& text) {
    return parse_data_path(text).file;
}

std::vector<std::size_t> random_order(std::size_t count, std::uint64_t seed, std::string_view stream) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    RandomStream random(seed, stream);
    for (std::size_t i = count; i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i)))]);
    return order;
}

}  // namespace skipstone::inputs
