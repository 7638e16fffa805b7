#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace skipstone::planner {

// A linear program to be minimised, some of whose columns are integers.
struct MixedIntegerProgram {
    static constexpr double unlimited = std::numeric_limits<double>::infinity();
    enum class Kind { continuous, integer };

    struct Column {
        double lower = 0, upper = 1, cost = 0;
        Kind kind = Kind::continuous;
    };
    struct Row {
        double lower = -unlimited, upper = unlimited;
    };

    std::size_t add_column(Column column);
    std::size_t add_row(Row row);
    // Adds to an entry; may be called more than once for one.
    void add(std::size_t row, std::size_t column, double coefficient);

    std::vector<Column> columns;
    std::vector<Row> rows;
    std::vector<int> entry_rows, entry_columns;
    std::vector<double> entry_values;
};

enum class SearchOutcome { complete, stopped, infeasible };

struct SearchResult {
    SearchOutcome outcome = SearchOutcome::stopped;
    std::optional<std::vector<double>> values;  // per column, integers rounded
    double objective = MixedIntegerProgram::unlimited;
    double bound =
        -MixedIntegerProgram::unlimited;  // no solution is below it (nor below the cutoff), also when stopped
};

struct SearchLimits {
    double gap = 0;  // relative; the search is complete when (objective − bound)/objective is at most this
    std::optional<double> seconds;                   // host
    std::optional<double> seconds_without_solution;  // likewise: given up when there is no solution by then
    double cutoff = MixedIntegerProgram::unlimited;  // only solutions below it are wanted
    int nodes = std::numeric_limits<int>::max();
    std::uint64_t seed = 1;
};

// Branch and cut with CBC, on one thread, silent; without `seconds` the same answer every time. Infeasible: there is no
// solution below the cutoff, and `bound` is the cutoff.
SearchResult minimise(MixedIntegerProgram const& program, SearchLimits const& limits);

}  // namespace skipstone::planner
