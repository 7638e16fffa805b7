#pragma once

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace skipstone {

// Damerau-Levenshtein distance (optimal string alignment: insertions, deletions, substitutions, swaps of neighbours,
// each 1). Letters that differ only in case, and '-' and '_', count as equal.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    auto const folded = [](char c) {
        if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
        return c == '-' ? '_' : c;
    };
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            bool const same = folded(a[i - 1]) == folded(b[j - 1]);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0U : 1U)});
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]))
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(above);
        above.swap(row);
    }
    return above[b.size()];
}

// The candidate at the smallest edit distance from `word`, the first of several; "" when there is no candidate.
// `candidates`: any range of things that convert to std::string_view.
template <std::ranges::input_range Range>
std::string nearest(std::string_view word, Range const& candidates) {
    constexpr std::size_t longest = 256;  // of a word that is compared; what is longer is no slip of the keyboard
    word = word.substr(0, longest);
    std::string best;
    std::size_t best_distance = static_cast<std::size_t>(-1);
    for (std::string_view const candidate : candidates) {
        auto const distance = edit_distance(word, candidate.substr(0, longest));
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

}  // namespace skipstone
