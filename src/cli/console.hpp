#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace skipstone::cli {

enum class Align { left, right };

// A table for the terminal: columns as wide as their widest cell, a line under the heading.
class TextTable {
  public:
    struct Column {
        std::string heading;
        Align align = Align::right;
    };
    explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
    void add(std::vector<std::string> cells);
    std::string text() const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

std::string fixed(double value, int digits);        // "–" for NaN, "∞" without end
std::string percent(double share, int digits = 2);  // 0.0123 → "1.23 %"
std::string megabytes(double bytes);                // "3.21 MB"

// A bar on a terminal (stderr), which is redrawn in place; nothing elsewhere.
class ProgressBar {
  public:
    explicit ProgressBar(int steps);
    ~ProgressBar();
    void advance(int done, std::string const& text);
    // Takes the bar away, so that a line can be printed.
    void clear();

  private:
    int steps_;
    bool terminal_;
};

}  // namespace skipstone::cli
