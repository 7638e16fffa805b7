#include "cli/console.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "units/error.hpp"

namespace skipstone::cli {

namespace {

// Characters, not bytes, of UTF-8 text.
std::size_t width(std::string const& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace

void TextTable::add(std::vector<std::string> cells) {
    SKIPSTONE_EXPECT(cells.size() == columns_.size());
    for (auto& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        widths.push_back(width(columns_[c].heading));
        for (auto const& row : rows_) widths[c] = std::max(widths[c], width(row[c]));
    }
    std::string text;
    auto line = [&](auto const& cell_of) {
        std::string row;
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            std::string const& cell = cell_of(c);
            std::string const padding(widths[c] - width(cell), ' ');
            row += (c == 0 ? "  " : "   ") + (columns_[c].align == Align::left ? cell + padding : padding + cell);
        }
        text += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
    };
    line([&](std::size_t c) -> std::string const& { return columns_[c].heading; });
    std::size_t total = 2 + 3 * (columns_.size() - 1);
    for (auto const w : widths) total += w;
    text += "  " + std::string(total - 2, '-') + "\n";
    for (auto const& row : rows_) line([&](std::size_t c) -> std::string const& { return row[c]; });
    return text;
}

std::string fixed(double value, int digits) {
    if (!std::isfinite(value)) return std::isnan(value) ? "–" : value > 0 ? "∞" : "-∞";
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
    return buffer;
}

std::string percent(double share, int digits) {
    return fixed(100 * share, digits) + (std::isnan(share) ? "" : " %");
}

std::string megabytes(double bytes) {
    return fixed(bytes / 1e6, 2) + " MB";
}

ProgressBar::ProgressBar(int steps) : steps_(std::max(1, steps)), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
    clear();
}

void ProgressBar::advance(int done, std::string const& text) {
    if (!terminal_) return;
    constexpr int cells = 30;
    int const full = std::clamp(cells * done / steps_, 0, cells);
    std::string const bar =
        std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(cells - full), '.');
    std::fprintf(stderr, "\r\033[K[%s] %d/%d %s", bar.c_str(), done, steps_, text.c_str());
    std::fflush(stderr);
}

void ProgressBar::clear() {
    if (!terminal_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
}

}  // namespace skipstone::cli
