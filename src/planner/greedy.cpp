#include "planner/greedy.hpp"

#include "planner/sequential.hpp"

namespace skipstone::planner {

PlanResult plan_greedy(Instance const& instance, Options const&) {
    return plan_sequentially(instance, Spread::anywhere);
}

}  // namespace skipstone::planner
