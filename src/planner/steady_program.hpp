#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"
#include "planner/budget.hpp"
#include "planner/choice.hpp"
#include "planner/stream.hpp"
#include "planner/way_pricer.hpp"

namespace skipstone::planner {

// A way that some of the requests take.
struct Share {
    RequestPlan plan;
    double share = 0;  // of all requests
};

// What limits a stream beside time.
struct SteadyLimits {
    std::vector<char> allowed;   // [items × devices]: what may run where; empty: everything that fits alone
    std::vector<double> weight;  // [items × devices]: bytes that an item takes if all requests run it there
    std::vector<double> memory;  // [devices]: limits of these bytes, on average over the requests; empty: none
    std::vector<double> energy;  // [devices]: limits of J per request; empty: none
};

struct Steady {
    bool feasible = false;                                    // shares obey all limits
    double period = std::numeric_limits<double>::infinity();  // s per request that the shares keep the busiest busy
    double bound = 0;                                         // s: with these limits no shares have a smaller period
    std::vector<Share> shares;                                // add up to 1
    // At the best bound, of one device or link: what share of the period's inverse one that is twice as fast adds (to
    // first order), by resource (Use); and what a byte of memory takes off the period.
    std::map<std::size_t, double> speed;
    std::vector<double> memory;  // [devices] s/B
};

// The steady state as a linear programme over ways: requests take any way in any share, each processor, link or radio
// is busy at most for the period per request, and the period is as short as can be. Solved by column generation.
class SteadyProgram {
  public:
    // copies: how many devices each of the instance's stands for; empty: one. A link stands for that of each pair.
    SteadyProgram(Instance const& instance, std::vector<Choice> const& choices, Medium medium,
                  std::vector<double> copies = {});

    Items const& items() const { return items_; }
    // What fits alone on a device that is on.
    std::vector<char> const& possible() const { return possible_; }
    // Stops when the period is within `gap` of the bound, or the budget is spent: what it has is valid then, too.
    // start: ways to begin with, all possible.
    Steady solve(SteadyLimits const& limits, double gap, Budget& budget, std::vector<RequestPlan> const& start = {});

  private:
    struct Column {
        RequestPlan plan;
        std::vector<Use> uses;
        std::vector<std::size_t> held;                       // items · devices + device
        std::vector<std::pair<std::size_t, double>> energy;  // J by device
    };
    class Run;

    Column column_of(RequestPlan plan) const;
    double copies_of(std::size_t resource) const;

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    Medium medium_;
    std::vector<double> copies_;
    Items items_;
    WayPricer pricer_;
    std::vector<char> possible_;
    std::vector<Column> pool_;  // ways that earlier solutions took
};

}  // namespace skipstone::planner
