#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "analysis/summary.hpp"
#include "model/event.hpp"
#include "model/link.hpp"
#include "model/split.hpp"
#include "model/stream.hpp"
#include "trace/schema.hpp"

namespace skipstone::analysis {

// What a run whose requests come as a stream reaches, and what holds it up. Rounds are given one after the other.
class StreamTotals {
  public:
    // medium: whether a device's transfers take turns (Medium::radio), or each link has its own.
    StreamTotals(trace::Header const& header, Medium medium) : header_(header), load_(medium) {}

    void begin_round(trace::RoundRow const& round, std::span<trace::RequestRow const> requests,
                     std::span<trace::PlanRow const> plans, std::span<trace::PriceRow const> prices);
    // Of the round, in any order; those that failed keep devices busy, too.
    void add(Event const& event);
    void end_round();

    // Fills stream, stages, resources and gains.
    void finish(Analysis& analysis) const;

  private:
    using Pair = std::pair<std::int32_t, std::int32_t>;

    StreamFigures figures(std::vector<ResourceFigures> const& resources) const;
    std::vector<ResourceFigures> resources() const;
    std::vector<StageFigures> stages() const;
    std::vector<GainFigures> gains(double bound_per_s) const;
    double throughput() const;

    trace::Header const& header_;
    StreamLoad load_;
    std::int64_t rounds_ = 0, done_ = 0;
    double planned_s_ = 0, bound_s_ = 0;  // that all that was done takes by the plans, and by the bounds
    std::vector<Passage> passages_;       // of the round; finish NaN: of a request that is not done
    std::vector<double> intervals_;       // between one finish and the next, in the steady state
    std::vector<double> latencies_;       // of the requests that finish there
    std::map<Pair, double> compute_s_;    // by block, device
    std::map<std::int32_t, Split> splits_;
    std::map<std::pair<ResourcePrice::Resource, Pair>, double> prices_;  // sums over the rounds
};

}  // namespace skipstone::analysis
