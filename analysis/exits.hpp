#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/summary.hpp"
#include "trace/schema.hpp"

namespace skipstone::analysis {

// What a request that is done would have cost if it had left nowhere, without queues and heads; NaN: not known.
struct WholeRequest {
    double macs = none, energy_j = none, way_s = none;
};

// Where requests leave, how right they are there, and what that saves. Rounds are given one after the other.
class ExitTotals {
  public:
    explicit ExitTotals(trace::Header const& header);

    // judged: what the heads said, of this round. False: rows name a request, or an exit, that does not exist.
    bool begin_round(std::span<trace::RequestRow const> requests, std::span<trace::ExitRow const> judged);
    // Each request of the round that is done, once. expected: the share that was expected to leave at each exit, then
    // at the end; empty: nobody knows.
    void add(trace::RequestRow const& row, RequestFigures const& figures, WholeRequest const& whole,
             std::span<double const> expected);

    // Fills exits and leaving.
    void finish(Analysis& analysis) const;

  private:
    struct Sums {
        ExitFigures figures;
        std::int64_t judged_labelled = 0, judged_correct = 0;
        double confidence = 0, stayed_confidence = 0;
        double latency_s = 0, energy_j = 0, macs = 0;
        double expected = 0;  // requests that were expected to leave here
    };

    std::size_t exit_of(std::int32_t after) const;  // the end where there is none
    LeavingFigures leaving() const;

    std::vector<Sums> sums_;  // by exit, then of the end
    std::vector<std::int32_t> labels_;  // of the round's requests; −1: none, or it is not done
    double accuracy_ = 0, accuracy_labelled_ = 0, energy_j_ = 0, way_s_ = 0;
    WholeRequest whole_{0, 0, 0};
    std::int64_t macs_ = 0;
    bool expects_ = true;
};

}  // namespace skipstone::analysis
