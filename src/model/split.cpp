#include "model/split.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace skipstone {

namespace {

using enum Split::Kind;
constexpr std::array<std::pair<Split::Kind, std::string_view>, 5> words{
    {{whole, "whole"}, {outputs, "outputs"}, {inputs, "inputs"}, {rows, "rows"}, {tiles, "tiles"}}};

Range hull(Range a, Range b) {
    return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

}  // namespace

std::string_view to_string(Split::Kind kind) {
    return std::ranges::find(words, kind, &std::pair<Split::Kind, std::string_view>::first)->second;
}

std::string to_string(Split const& split) {
    std::string text(to_string(split.kind));
    if (!split.is_whole()) text += '/' + std::to_string(split.parts);
    return text;
}

std::optional<Split> split_of(std::string_view text) {
    auto const slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    auto const word =
        std::ranges::find(words, text.substr(0, slash), &std::pair<Split::Kind, std::string_view>::second);
    int parts = 0;
    auto const number = text.substr(slash + 1);
    auto const [end, error] = std::from_chars(number.data(), number.data() + number.size(), parts);
    if (word == words.end() || word->first == whole || error != std::errc() || end != number.data() + number.size() ||
        parts < 2)
        return std::nullopt;
    return Split{word->first, parts};
}

Region whole_region(TensorShape shape) {
    return {{0, shape.h}, {0, shape.w}, {0, shape.c}};
}

Region hull(Region const& a, Region const& b) {
    return {hull(a.h, b.h), hull(a.w, b.w), hull(a.c, b.c)};
}

}  // namespace skipstone
