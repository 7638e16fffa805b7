#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace skipstone::cli {

// How many characters a line of stdout may have: what COLUMNS says, else the terminal's width. 0: no limit.
std::size_t line_width();

// Places on a terminal that UTF-8 text takes: one a character, two of East Asian ones, none of combining ones.
std::size_t text_width(std::string const& text);

// The text, if need be with "…" in the middle, so that it takes at most so many places (0: any number).
std::string shortened(std::string const& text, std::size_t width);

// Parts one behind the other, with new lines (that begin with `hang` blanks) where line_width() asks for them. A part
// is not broken.
std::string flowed(std::vector<std::string> const& parts, std::string const& separator, std::size_t hang);
// Each line of the text broken at blanks.
std::string wrapped(std::string const& text, std::size_t hang = 2);

enum class Align { left, right };

// A table for the terminal: columns as wide as their widest cell, a line under the heading. Where line_width() is less,
// words in columns to the left are shortened in the middle, and if that is not enough, the columns go into several
// tables, each with the first columns (`keys` many) again.
class TextTable {
  public:
    struct Column {
        std::string heading;
        Align align = Align::right;
    };
    explicit TextTable(std::vector<Column> columns, std::size_t keys = 1) : columns_(std::move(columns)), keys_(keys) {}
    void add(std::vector<std::string> cells);
    std::string text() const;
    // Of more than `most` rows the first and last ones, with "… 7 more; REST" between.
    std::string text(std::size_t most, std::string const& rest) const;

  private:
    using Rows = std::vector<std::vector<std::string>>;
    std::string text(Rows rows, std::size_t first, std::string const& remark) const;

    std::vector<Column> columns_;
    std::size_t keys_;
    Rows rows_;
};

std::string fixed(double value, int digits);  // "–" for NaN, "∞" without end
// "25.6 M": four digits at most, with the unit's prefix before "B" and the like.
std::string count_text(double value, std::string const& unit = "");
std::string percent(double share, int digits = 2);  // 0.0123 → "1.23 %"
std::string megabytes(double bytes);                // "3.21 MB"
// "lowest battery 85.2 % (1022.4 J, low-0)"; "no batteries" where the share is not finite.
std::string battery_text(double share, double joules, std::string const& device);
std::string duration(double seconds);  // "3.2 s", "12 min 5 s", "3 h 7 min"

// A bar on a terminal (stderr), which is redrawn in place; nothing elsewhere.
class ProgressBar {
  public:
    explicit ProgressBar(int steps);
    ~ProgressBar();
    void advance(int done, std::string const& text);
    // The same with the time left, as the steps since the bar was made let expect it.
    void advance_timed(int done, std::string const& text);
    // Takes the bar away, so that a line can be printed.
    void clear();

  private:
    int steps_;
    bool terminal_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace skipstone::cli
