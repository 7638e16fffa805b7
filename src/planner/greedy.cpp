#include "planner/greedy.hpp"

#include "planner/sequential.hpp"

namespace skipstone::planner {

PlanResult plan_greedy(Instance const& instance, Options const& options) {
    auto result = plan_sequentially(instance, Spread::anywhere, options.time_limit_s);
    result.binding = binding_of(instance, result, Spread::anywhere);
    return result;
}

}  // namespace skipstone::planner
