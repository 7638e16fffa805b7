#pragma once

#include "planner/planner.hpp"

namespace skipstone::planner {

// The exact planner's plan, improved by local search on the latency that the timeline predicts with queueing, since
// Eq. 8 knows no queues. Its objective is emulated_objective(), on which it is never worse than the exact planner's
// plan, and which admits as many requests; the result's own objective, bound and gap stay those of Eq. 8. Where the
// instance offers splits, blocks are split where that lowers the latency, and the result has no bound.
PlanResult plan_contention(Instance const& instance, Options const& options);

// alpha * mean(emulated latency)/T_ref + beta * mean(1 - accuracy) over the admitted requests. A request's latency
// counts from when it can begin. Foreseen: lost packets are on average what the instance's rates say, and jitter is
// left out. NaN when none is admitted. conditions, ready: as in Options.
double emulated_objective(Instance const& instance, PlanResult const& plan, timeline::Conditions const* conditions,
                          std::vector<Seconds> const& ready = {});

}  // namespace skipstone::planner
