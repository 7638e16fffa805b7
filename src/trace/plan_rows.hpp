#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/plan.hpp"
#include "trace/schema.hpp"

namespace skipstone::trace {

// What /plans says of an admitted request: a row per block, before it those of its parts where it is split.
std::vector<PlanRow> plan_rows(RequestPlan const& plan, std::int32_t round, std::int32_t revision,
                               std::int32_t request);

// The plan that rows of one request and revision say, in any order; its latency is 0 and its accuracy NaN, which /plans
// does not have. None where a block or part is missing or there twice, or a row names what does not exist.
std::optional<RequestPlan> request_plan(std::span<PlanRow const> rows, std::size_t devices, std::size_t blocks);

// The first plan of a request, and the one that it ended with.
struct PlansOf {
    std::optional<RequestPlan> first, last;
};
// Those of each of a round's requests, from the round's rows.
std::vector<PlansOf> plans_of(std::span<PlanRow const> rows, std::size_t requests, std::size_t devices,
                              std::size_t blocks);

}  // namespace skipstone::trace
