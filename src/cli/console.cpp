#include "cli/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "units/error.hpp"

namespace skipstone::cli {

namespace {

std::size_t columns_of(int terminal) {
    winsize size{};
    return ::ioctl(terminal, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// A character of UTF-8 text from `at` on, which is moved behind it.
char32_t next_character(std::string const& text, std::size_t& at) {
    auto const first = static_cast<unsigned char>(text[at++]);
    char32_t character = first < 0x80   ? first
                         : first < 0xe0 ? first & 0x1fU
                         : first < 0xf0 ? first & 0x0fU
                                        : first & 7U;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U)
        character = character << 6 | (static_cast<unsigned char>(text[at++]) & 0x3fU);
    return character;
}

std::size_t places(char32_t c) {
    auto const within = [c](char32_t first, char32_t last) { return first <= c && c <= last; };
    if (within(0x300, 0x36f) || within(0x200b, 0x200f) || within(0xfe00, 0xfe0f) || c == 0xfeff) return 0;
    bool const wide = within(0x1100, 0x115f) || within(0x2e80, 0x303e) || within(0x3041, 0xa4cf) ||
                      within(0xac00, 0xd7a3) || within(0xf900, 0xfaff) || within(0xfe30, 0xfe6f) ||
                      within(0xff00, 0xff60) || within(0xffe0, 0xffe6) || within(0x1f300, 0x1f64f) ||
                      within(0x1f680, 0x1f6ff) || within(0x1f900, 0x1faff) || within(0x20000, 0x3fffd);
    return wide ? 2 : 1;
}

// The longest beginning that takes at most so many places.
std::string beginning(std::string const& text, std::size_t width) {
    std::size_t at = 0, end = 0, taken = 0;
    while (at < text.size() && (taken += places(next_character(text, at))) <= width) end = at;
    return text.substr(0, end);
}

// The longest end that takes at most so many places.
std::string ending(std::string const& text, std::size_t width) {
    std::size_t at = 0, all = text_width(text);
    while (at < text.size() && all > width) all -= places(next_character(text, at));
    return text.substr(at);
}

constexpr std::size_t column_gap = 3, indent = 2, shortest_word = 12;

}  // namespace

std::size_t line_width() {
    if (char const* const said = std::getenv("COLUMNS")) {
        auto const columns = std::strtol(said, nullptr, 10);
        if (columns > 0) return static_cast<std::size_t>(columns);
    }
    return columns_of(STDOUT_FILENO);
}

std::size_t text_width(std::string const& text) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < text.size();) width += places(next_character(text, at));
    return width;
}

std::string shortened(std::string const& text, std::size_t width) {
    if (width == 0 || text_width(text) <= width) return text;
    return beginning(text, width / 2) + "…" + ending(text, width - width / 2 - 1);
}

std::string flowed(std::vector<std::string> const& parts, std::string const& separator, std::size_t hang) {
    auto const limit = line_width();
    std::string text;
    std::size_t at = 0;
    for (auto const& part : parts) {
        auto const width = text_width(part);
        if (!text.empty() && limit > 0 && at + separator.size() + width > limit) {
            text += "\n" + std::string(hang, ' ');
            at = hang;
        } else if (!text.empty()) {
            text += separator;
            at += separator.size();
        }
        text += part;
        at += width;
    }
    return text;
}

std::string wrapped(std::string const& text, std::size_t hang) {
    if (line_width() == 0) return text;
    std::string result;
    for (std::size_t begin = 0; begin < text.size();) {
        auto const end = std::min(text.find('\n', begin), text.size());
        auto const first = std::min(text.find_first_not_of(' ', begin), end);  // blanks at a line's begin stay
        std::vector<std::string> words{text.substr(begin, first - begin)};
        for (auto at = first; at < end;) {
            auto const blank = std::min({text.find(' ', at), end});
            words.back() += text.substr(at, blank - at);
            auto const next = std::min(text.find_first_not_of(' ', blank), end);
            if (next > blank + 1)  // so do several of them
                words.back() += text.substr(blank, next - blank);
            else if (next < end)
                words.emplace_back();
            at = next;
        }
        result += flowed(words, " ", hang) + (end < text.size() ? "\n" : "");
        begin = end + 1;
    }
    return result;
}

void TextTable::add(std::vector<std::string> cells) {
    SKIPSTONE_EXPECT(cells.size() == columns_.size());
    for (auto& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
    return text(rows_, rows_.size(), "");
}

std::string TextTable::text(std::size_t most, std::string const& rest) const {
    if (rows_.size() <= most) return text();
    auto const first = (most + 1) / 2, last = most / 2;
    Rows shown(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(first));
    shown.insert(shown.end(), rows_.end() - static_cast<std::ptrdiff_t>(last), rows_.end());
    return text(std::move(shown), first, "… " + std::to_string(rows_.size() - most) + " more; " + rest);
}

// remark: a line behind the first so many rows, "": none.
std::string TextTable::text(Rows rows, std::size_t first, std::string const& remark) const {
    auto const limit = line_width();
    std::vector<std::size_t> widths;
    std::size_t total = indent;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        widths.push_back(text_width(columns_[c].heading));
        for (auto const& row : rows) widths[c] = std::max(widths[c], text_width(row[c]));
        total += widths[c] + (c > 0 ? column_gap : 0);
    }
    auto const least = [&](std::size_t c, std::size_t wanted) {
        if (columns_[c].align != Align::left) return widths[c];
        return std::min(widths[c], std::max({text_width(columns_[c].heading), shortest_word, wanted}));
    };
    auto excess = limit > 0 && total > limit ? total - limit : 0;
    std::size_t spare = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) spare += widths[c] - least(c, 0);
    bool const one_table = spare >= excess;
    for (std::size_t c = 0; c < columns_.size() && excess > 0; ++c) {
        auto const less = one_table ? std::min(excess, widths[c] - least(c, 0)) : widths[c] - least(c, limit / 4);
        widths[c] -= less;
        if (one_table) excess -= less;
    }
    std::vector<std::vector<std::size_t>> tables(1);  // by their columns
    for (std::size_t c = 0, used = 0; c < columns_.size(); ++c) {
        auto const gap = [&] { return tables.back().empty() ? indent : column_gap; };
        if (c > keys_ && limit > 0 && used + gap() + widths[c] > limit) {
            tables.emplace_back();
            used = 0;
            for (std::size_t key = 0; key < keys_; ++key) {
                used += gap() + widths[key];
                tables.back().push_back(key);
            }
        }
        used += gap() + widths[c];
        tables.back().push_back(c);
    }
    std::string text;
    for (auto const& columns : tables) {
        auto const line = [&](auto const& cell_of) {
            std::string row;
            for (auto const c : columns) {
                auto const cell = shortened(cell_of(c), widths[c]);
                std::string const padding(widths[c] - text_width(cell), ' ');
                row += std::string(row.empty() ? indent : column_gap, ' ') +
                       (columns_[c].align == Align::left ? cell + padding : padding + cell);
            }
            text += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
        };
        if (!text.empty()) text += "\n";
        line([&](std::size_t c) -> std::string const& { return columns_[c].heading; });
        std::size_t length = column_gap * (columns.size() - 1);
        for (auto const c : columns) length += widths[c];
        text += std::string(indent, ' ') + std::string(length, '-') + "\n";
        for (std::size_t r = 0; r < rows.size(); ++r) {
            if (r == first && !remark.empty()) text += wrapped(std::string(indent, ' ') + remark, indent) + "\n";
            line([&](std::size_t c) -> std::string const& { return rows[r][c]; });
        }
    }
    return text;
}

std::string fixed(double value, int digits) {
    if (!std::isfinite(value)) return std::isnan(value) ? "–" : value > 0 ? "∞" : "-∞";
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
    return buffer;
}

std::string count_text(double value, std::string const& unit) {
    static constexpr std::array<char const*, 5> prefixes{"", "k", "M", "G", "T"};
    std::size_t prefix = 0;
    while (value >= 999.5 && prefix + 1 < prefixes.size()) {
        value /= 1000;
        ++prefix;
    }
    int const digits = prefix == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    auto const text = fixed(value, digits);
    std::string const ending = prefixes[prefix] + unit;
    return ending.empty() ? text : text + " " + ending;
}

std::string percent(double share, int digits) {
    return fixed(100 * share, digits) + (std::isnan(share) ? "" : " %");
}

std::string megabytes(double bytes) {
    return fixed(bytes / 1e6, 2) + " MB";
}

std::string battery_text(double share, double joules, std::string const& device) {
    if (!std::isfinite(share)) return "no batteries";
    constexpr std::size_t longest_name = 24;
    return "lowest battery " + percent(share, 1) + " (" + fixed(joules, 1) + " J, " +
           (line_width() > 0 ? shortened(device, longest_name) : device) + ")";
}

std::string duration(double seconds) {
    auto const whole = std::lround(seconds);
    if (whole < 100) return fixed(seconds, seconds < 10 ? 1 : 0) + " s";
    char text[32];
    if (whole < 3600)
        std::snprintf(text, sizeof text, "%ld min %ld s", whole / 60, whole % 60);
    else
        std::snprintf(text, sizeof text, "%ld h %ld min", whole / 3600, whole / 60 % 60);
    return text;
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
    auto const line = "[" + bar + "] " + std::to_string(done) + "/" + std::to_string(steps_) + " " + text;
    auto const columns = columns_of(STDERR_FILENO);
    std::fprintf(stderr, "\r\033[K%s", columns > 1 ? beginning(line, columns - 1).c_str() : line.c_str());
    std::fflush(stderr);
}

void ProgressBar::advance_timed(int done, std::string const& text) {
    double const spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    bool const known = done > 0 && done < steps_;
    advance(done, text + (known ? ", about " + duration(spent / done * (steps_ - done)) + " left" : ""));
}

void ProgressBar::clear() {
    if (!terminal_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
}

}  // namespace skipstone::cli
