#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "exits/frontier.hpp"
#include "exits/problem.hpp"

namespace skipstone::exits {

// Looks for rules of any number of exits, at any thresholds, for one lane: from given rules on, one exit after the other
// gets the threshold (or is closed) that is best with the others as they are, by right answers minus a price for the
// cost, until no exit changes. Each step goes through all thresholds of an exit in one pass over the samples; all rules
// that it sees on the way are offered to the frontier. Nothing is proven of what is found. Deterministic.
class LocalSearch {
  public:
    LocalSearch(ExitTable const& table, Lane const& lane);

    // price: right answers that a unit of cost is worth. Returns the rules it ends with.
    std::vector<TableRule> improve(std::vector<TableRule> const& rules, double price, Frontier& frontier);
    // Steps that were made; each takes about as many operations as there are samples.
    std::size_t steps() const { return steps_; }

  private:
    static constexpr double closed = 2;  // a threshold that nothing reaches

    bool step(std::size_t exit, double price, double heads_before, Frontier& frontier);
    std::vector<TableRule> rules() const;

    ExitTable const& table_;
    Lane const& lane_;
    std::size_t end_, steps_ = 0;
    std::vector<std::vector<std::uint32_t>> order_;     // [exit]: samples by confidence, the highest first, no NaN
    std::vector<std::vector<float>> confidence_;        // [exit][sample]
    std::vector<std::vector<std::int8_t>> right_;       // [outcome][sample]
    std::vector<double> threshold_;                     // [exit], as it is now
    // As rules are now: per sample, the first exit that lets it leave (else the end); and where it leaves, and at what
    // cost, heads behind the exit that is looked at counted, if it gets past that.
    std::vector<std::uint32_t> first_, later_;
    std::vector<double> later_cost_;
};

// Many such searches: over a range of prices, each beginning where the last one ended; from the rules that the frontier
// has already; and from rules that were changed at random, where they are best. steps: how many may be made, about.
void search_locally(ExitTable const& table, Lane const& lane, std::size_t steps, Frontier& frontier);

// Rules with all exits of the table open and one threshold for all of them, as Shallow-Deep Networks have (Kaya et al.,
// ICML 2019): for so many thresholds, quantiles of all confidences. Those that the lane does not allow are left out.
Frontier one_threshold_for_all(ExitTable const& table, Lane const& lane, std::size_t thresholds);

// What rules cost in a lane, of all samples together.
double cost_of(ExitTable const& table, OutcomeCosts const& costs, std::span<TableRule const> rules);

}  // namespace skipstone::exits
