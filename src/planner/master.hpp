#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace skipstone::planner {

// A linear programme that grows by columns and rows and is solved again and again from where it was: min c x, lower <=
// A x <= upper. Infinite bounds are ±std::numeric_limits<double>::infinity(). Costs above 1e12 and entries above 1e9
// are taken as these: the programme is then another one, so nothing may be concluded from its solution but what to try.
class Master {
  public:
    Master();
    ~Master();
    Master(Master&&) noexcept;
    Master& operator=(Master&&) noexcept;

    struct Entry {
        std::size_t index;
        double value;
    };
    std::size_t add_row(double lower, double upper, std::vector<Entry> const& columns);
    std::size_t add_column(double cost, double lower, double upper, std::vector<Entry> const& rows);
    void bound_row(std::size_t row, double lower, double upper);
    void bound_column(std::size_t column, double lower, double upper);
    // Those behind move up. Only columns that the last solution has at a bound.
    void remove_columns(std::vector<std::size_t> const& columns);

    struct Solution {
        bool optimal = false;  // false: infeasible, unbounded or given up
        double objective = 0;
        std::vector<double> x, y;     // columns' values, rows' duals
        std::vector<double> reduced;  // columns' reduced costs, c − y A
        int iterations = 0;
        // A column's value; 0 for one that is newer, or none.
        double at(std::size_t column) const { return column < x.size() ? x[column] : 0; }
    };
    Solution solve();

  private:
    struct Program;
    std::unique_ptr<Program> program_;
};

}  // namespace skipstone::planner
