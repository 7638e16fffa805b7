#include "planner/no_drop.hpp"

#include <algorithm>

#include "planner/sequential.hpp"

namespace skipstone::planner {

PlanResult plan_no_drop(Instance const& instance, Options const&) {
    auto whole = instance;
    std::erase_if(whole.accuracy, [](DropOption const& option) { return !option.dropped.empty(); });
    return plan_sequentially(whole, Spread::anywhere);
}

}  // namespace skipstone::planner
