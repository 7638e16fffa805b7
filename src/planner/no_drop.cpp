#include "planner/no_drop.hpp"

#include <algorithm>

#include "planner/sequential.hpp"

namespace skipstone::planner {

PlanResult plan_no_drop(Instance const& instance, Options const& options) {
    auto whole = instance;
    std::erase_if(whole.accuracy, [](DropOption const& option) { return !option.dropped.empty(); });
    auto result = plan_sequentially(whole, Spread::anywhere, options.time_limit_s);
    result.binding = binding_of(whole, result, Spread::anywhere);
    result.admitted_bound = instance.requests;  // of plans that may drop
    return result;
}

}  // namespace skipstone::planner
