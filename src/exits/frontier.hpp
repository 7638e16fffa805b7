#pragma once

#include <limits>
#include <vector>

#include "model/exit.hpp"

namespace skipstone::exits {

// Rules, and what they cost in one kind of cost.
struct Candidate {
    double cost = std::numeric_limits<double>::infinity();  // of all samples together
    std::size_t way = 0;                                    // Lane::way
    std::vector<TableRule> rules = {};

    bool is_there() const { return cost < std::numeric_limits<double>::infinity(); }
};

// The cheapest rules that were seen, per number of samples that are answered rightly.
class Frontier {
  public:
    explicit Frontier(std::size_t samples) : best_(samples + 1) {}

    // Whether rules that answer so many rightly, at this cost, are better than what is there.
    bool wants(std::size_t right, double cost) const { return cost < best_[right].cost; }
    void put(std::size_t right, Candidate candidate) { best_[right] = std::move(candidate); }
    // Of equal costs, what comes first in the order of the exits, ways, and thresholds stays.
    void merge(Frontier const& other);
    std::vector<Candidate> const& best() const { return best_; }
    // The cheapest with so many right, or more; null: there is none.
    Candidate const* cheapest(std::size_t right) const;
    // Of the cheapest with so many right or more: numbers of right answers, ascending, each cheaper than all behind it.
    std::vector<std::size_t> front() const;

  private:
    std::vector<Candidate> best_;  // by the number of right answers
};

}  // namespace skipstone::exits
