#include "planner/master.hpp"

#include <ClpSimplex.hpp>
#include <CoinMessageHandler.hpp>
#include <cmath>

#include "planner/coin.hpp"

namespace skipstone::planner {

namespace {

constexpr int most_iterations = 50'000;  // of one solution
// Smaller numbers in place of larger ones change what is found, and no bound: bounds are computed without CLP.
constexpr double largest_cost = 1e12, largest_entry = 1e9, largest_bound = 1e12;

double bound(double value) {
    if (std::isinf(value)) return value > 0 ? COIN_DBL_MAX : -COIN_DBL_MAX;
    return within(largest_bound, value);
}

}  // namespace

struct Master::Program {
    ClpSimplex clp;
    bool solved = false;
    bool rows_changed = false, columns_changed = false;  // since the last solution
};

Master::Master() : program_(std::make_unique<Program>()) {
    program_->clp.setLogLevel(0);
    program_->clp.setOptimizationDirection(1);
    program_->clp.scaling(0);  // rows are scaled as they are made
    program_->clp.setMaximumIterations(most_iterations);
}

Master::~Master() = default;
Master::Master(Master&&) noexcept = default;
Master& Master::operator=(Master&&) noexcept = default;

std::size_t Master::add_row(double lower, double upper, std::vector<Entry> const& columns) {
    std::vector<int> indices;
    std::vector<double> values;
    for (auto const& entry : columns) {
        indices.push_back(static_cast<int>(entry.index));
        values.push_back(within(largest_entry, entry.value));
    }
    auto& clp = program_->clp;
    clp.addRow(static_cast<int>(indices.size()), indices.data(), values.data(), bound(lower), bound(upper));
    program_->rows_changed = true;
    return static_cast<std::size_t>(clp.numberRows() - 1);
}

std::size_t Master::add_column(double cost, double lower, double upper, std::vector<Entry> const& rows) {
    std::vector<int> indices;
    std::vector<double> values;
    for (auto const& entry : rows) {
        indices.push_back(static_cast<int>(entry.index));
        values.push_back(within(largest_entry, entry.value));
    }
    auto& clp = program_->clp;
    program_->columns_changed = true;
    clp.addColumn(static_cast<int>(indices.size()), indices.data(), values.data(), bound(lower), bound(upper),
                  within(largest_cost, cost));
    return static_cast<std::size_t>(clp.numberColumns() - 1);
}

void Master::bound_row(std::size_t row, double lower, double upper) {
    program_->clp.setRowBounds(static_cast<int>(row), bound(lower), bound(upper));
    program_->rows_changed = true;
}

void Master::bound_column(std::size_t column, double lower, double upper) {
    program_->clp.setColumnBounds(static_cast<int>(column), bound(lower), bound(upper));
    program_->rows_changed = true;
}

void Master::remove_columns(std::vector<std::size_t> const& columns) {
    std::vector<int> which;
    for (auto const column : columns) which.push_back(static_cast<int>(column));
    program_->clp.deleteColumns(static_cast<int>(which.size()), which.data());
    program_->columns_changed = true;
}

Master::Solution Master::solve() {
    auto& clp = program_->clp;
    if (program_->solved && program_->rows_changed && !program_->columns_changed)  // the duals are still feasible
        clp.dual();
    else
        clp.primal();
    if (clp.status() != 0) clp.primal();  // what a warm start left behind
    program_->solved = true;
    program_->rows_changed = program_->columns_changed = false;
    Solution solution;
    solution.optimal = clp.status() == 0;
    solution.objective = clp.objectiveValue();
    solution.iterations = clp.numberIterations();
    auto const* x = clp.primalColumnSolution();
    auto const* y = clp.dualRowSolution();
    solution.x.assign(x, x + clp.numberColumns());
    auto const* reduced = clp.dualColumnSolution();
    solution.reduced.assign(reduced, reduced + clp.numberColumns());
    solution.y.assign(y, y + clp.numberRows());
    return solution;
}

}  // namespace skipstone::planner
