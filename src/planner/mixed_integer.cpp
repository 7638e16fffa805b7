#include "planner/mixed_integer.hpp"

#include <CbcEventHandler.hpp>
#include <CbcHeuristic.hpp>
#include <CbcHeuristicDiveCoefficient.hpp>
#include <CbcHeuristicFPump.hpp>
#include <CbcHeuristicRINS.hpp>
#include <CbcModel.hpp>
#include <CglClique.hpp>
#include <CglFlowCover.hpp>
#include <CglGomory.hpp>
#include <CglKnapsackCover.hpp>
#include <CglMixedIntegerRounding2.hpp>
#include <CglProbing.hpp>
#include <CglTwomir.hpp>
#include <CglZeroHalf.hpp>
#include <ClpSolve.hpp>
#include <CoinPackedMatrix.hpp>
#include <OsiClpSolverInterface.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>

#include "planner/coin.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

// A node is cut off unless it can be better than the best solution by this; the bound gives it back.
constexpr double cutoff_increment = 1e-7;

constexpr double largest_number = 1e15;  // that the solver is given

double coin_bound(double value, OsiSolverInterface const& solver) {
    return std::isinf(value) ? std::copysign(solver.getInfinity(), value) : within(largest_number, value);
}

OsiClpSolverInterface load(MixedIntegerProgram const& program) {
    OsiClpSolverInterface solver;
    std::vector<double> column_lower, column_upper, cost, row_lower, row_upper;
    for (auto const& column : program.columns) {
        column_lower.push_back(coin_bound(column.lower, solver));
        column_upper.push_back(coin_bound(column.upper, solver));
        cost.push_back(within(largest_number, column.cost));
    }
    for (auto const& row : program.rows) {
        row_lower.push_back(coin_bound(row.lower, solver));
        row_upper.push_back(coin_bound(row.upper, solver));
    }
    std::vector<double> entries;
    for (double const value : program.entry_values) entries.push_back(within(largest_number, value));
    CoinPackedMatrix matrix(true, program.entry_rows.data(), program.entry_columns.data(), entries.data(),
                            static_cast<CoinBigIndex>(program.entry_values.size()));
    matrix.setDimensions(static_cast<int>(program.rows.size()), static_cast<int>(program.columns.size()));
    ClpSolve options;
    options.setSpecialOption(2, 1);  // SIGINT is not for CLP to take
    solver.setSolveOptions(options);
    solver.messageHandler()->setLogLevel(0);
    solver.setHintParam(OsiDoReducePrint, true, OsiHintTry);
    solver.loadProblem(matrix, column_lower.data(), column_upper.data(), cost.data(), row_lower.data(),
                       row_upper.data());
    for (std::size_t c = 0; c < program.columns.size(); ++c)
        if (program.columns[c].kind == MixedIntegerProgram::Kind::integer) solver.setInteger(static_cast<int>(c));
    return solver;
}

void add_cuts(CbcModel& model) {
    CglProbing probing;
    probing.setUsingObjective(1);
    probing.setMaxPass(1);
    probing.setMaxPassRoot(1);
    probing.setMaxProbe(10);
    probing.setMaxProbeRoot(50);
    probing.setMaxLook(10);
    probing.setMaxLookRoot(50);
    probing.setMaxElements(200);
    probing.setRowCuts(3);
    CglGomory gomory;
    gomory.setLimitAtRoot(300);
    CglKnapsackCover knapsack;
    CglClique clique;
    clique.setStarCliqueReport(false);
    clique.setRowCliqueReport(false);
    CglFlowCover flow;
    CglMixedIntegerRounding2 rounding;
    CglTwomir twomir;
    twomir.setMaxElements(250);
    CglZeroHalf zero_half;
    constexpr int at_root = -99;  // in the tree, nodes are worth more than cuts
    model.addCutGenerator(&probing, at_root, "Probing");
    model.addCutGenerator(&gomory, at_root, "Gomory");
    model.addCutGenerator(&knapsack, at_root, "Knapsack");
    model.addCutGenerator(&clique, at_root, "Clique");
    model.addCutGenerator(&flow, at_root, "FlowCover");
    model.addCutGenerator(&rounding, at_root, "MixedIntegerRounding2");
    model.addCutGenerator(&twomir, at_root, "TwoMirCuts");
    model.addCutGenerator(&zero_half, at_root, "ZeroHalf");
}

void add_heuristics(CbcModel& model, int seed) {
    CbcRounding rounding(model);
    CbcHeuristicFPump pump(model);
    pump.setMaximumPasses(20);
    CbcHeuristicDiveCoefficient dive(model);
    CbcHeuristicRINS rins(model);
    rins.setHowOften(100);
    for (CbcHeuristic* heuristic : {static_cast<CbcHeuristic*>(&rounding), static_cast<CbcHeuristic*>(&pump),
                                    static_cast<CbcHeuristic*>(&dive), static_cast<CbcHeuristic*>(&rins)}) {
        heuristic->setSeed(seed);
        model.addHeuristic(heuristic);
    }
}

// Gives up when there is no solution after a while.
class Patience final : public CbcEventHandler {
  public:
    explicit Patience(std::chrono::steady_clock::time_point until) : until_(until) {}

    CbcAction event(CbcEvent) override {
        return model_->bestSolution() || std::chrono::steady_clock::now() < until_ ? noAction : stop;
    }
    CbcEventHandler* clone() const override { return new Patience(*this); }

  private:
    std::chrono::steady_clock::time_point until_;
};

class Countdown {
  public:
    explicit Countdown(std::optional<double> seconds) : seconds_(seconds) {}

    static constexpr double longest = 1e9;  // s, that clocks can count

    std::chrono::steady_clock::time_point at(double seconds) const {
        return begin_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                            std::chrono::duration<double>(std::min(seconds, longest)));
    }

    std::optional<double> left() const {
        if (!seconds_) return std::nullopt;
        std::chrono::duration<double> const spent = std::chrono::steady_clock::now() - begin_;
        return std::max(0.0, *seconds_ - spent.count());
    }
    bool over() const { return seconds_ && *left() <= 0; }

  private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::optional<double> seconds_;
};

}  // namespace

std::size_t MixedIntegerProgram::add_column(Column column) {
    columns.push_back(column);
    return columns.size() - 1;
}

std::size_t MixedIntegerProgram::add_row(Row row) {
    rows.push_back(row);
    return rows.size() - 1;
}

void MixedIntegerProgram::add(std::size_t row, std::size_t column, double coefficient) {
    entry_rows.push_back(static_cast<int>(row));
    entry_columns.push_back(static_cast<int>(column));
    entry_values.push_back(coefficient);
}

namespace {

std::vector<double> rounded(MixedIntegerProgram const& program, double const* solution) {
    std::vector<double> values(solution, solution + program.columns.size());
    for (std::size_t c = 0; c < values.size(); ++c)
        if (program.columns[c].kind == MixedIntegerProgram::Kind::integer) values[c] = std::round(values[c]);
    return values;
}

double cost_of(MixedIntegerProgram const& program, std::vector<double> const& values) {
    double cost = 0;
    for (std::size_t c = 0; c < values.size(); ++c) cost += program.columns[c].cost * values[c];
    return cost;
}

SearchResult infeasible(SearchLimits const& limits) {
    return {.outcome = SearchOutcome::infeasible, .values = {}, .bound = limits.cutoff};
}

}  // namespace

// CglPreProcess is left out: of Cgl 0.60.3 it cut off optima of these programs, and it makes them hardly smaller.
SearchResult minimise(MixedIntegerProgram const& program, SearchLimits const& limits) {
    Countdown const countdown(limits.seconds);
    int const seed = static_cast<int>(limits.seed % 1'000'000'007) + 1;
    SearchResult result;
    auto solver = load(program);
    if (limits.seconds) solver.getModelPtr()->setMaximumSeconds(*limits.seconds);
    solver.initialSolve();
    if (solver.isProvenPrimalInfeasible()) return infeasible(limits);
    if (!solver.isProvenOptimal()) return result;
    result.bound = solver.getObjValue();
    if (result.bound >= limits.cutoff) return infeasible(limits);
    if (countdown.over()) return result;

    CbcModel model(solver);
    model.setLogLevel(0);
    model.messageHandler()->setLogLevel(0);
    model.solver()->messageHandler()->setLogLevel(0);
    model.setNumberThreads(0);
    model.setRandomSeed(seed);
    model.setCutoffIncrement(cutoff_increment);
    model.setAllowableGap(0);
    model.setAllowableFractionGap(limits.gap);
    model.setIntegerTolerance(1e-7);
    model.setMaximumNodes(limits.nodes);
    model.setUseElapsedTime(true);
    if (std::isfinite(limits.cutoff)) model.setCutoff(limits.cutoff);
    add_cuts(model);
    if (!std::isfinite(limits.cutoff))
        add_heuristics(model, seed);  // else there is a solution, and the proof is what takes time
    model.setNumberStrong(5);
    model.setNumberBeforeTrust(10);
    model.setMaximumCutPassesAtRoot(-50);
    model.setMaximumCutPasses(2);
    if (auto const left = countdown.left()) model.setMaximumSeconds(std::max(*left, 1e-3));
    if (limits.seconds_without_solution) {
        Patience patience(countdown.at(*limits.seconds_without_solution));
        model.passInEventHandler(&patience);
    }
    model.branchAndBound();

    bool const complete = model.status() == 0;
    if (!model.bestSolution() && complete) return infeasible(limits);
    double const best = model.getBestPossibleObjValue();
    bool const has_bound = std::abs(best) < 1e40;
    if (!model.bestSolution()) {
        if (has_bound) result.bound = std::max(result.bound, std::min(best, limits.cutoff));
        return result;
    }
    result.outcome = complete ? SearchOutcome::complete : SearchOutcome::stopped;
    if (has_bound) result.bound = std::max(result.bound, std::min(best, model.getObjValue() - cutoff_increment));
    result.values = rounded(program, model.bestSolution());
    result.objective = cost_of(program, *result.values);
    return result;
}

}  // namespace skipstone::planner
