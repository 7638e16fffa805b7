#include "planner/single_device.hpp"

#include "planner/sequential.hpp"

namespace skipstone::planner {

PlanResult plan_single_device(Instance const& instance, Options const& options) {
    auto result = plan_sequentially(instance, Spread::one_device, options.time_limit_s);
    result.binding = binding_of(instance, result, Spread::one_device);
    return result;
}

}  // namespace skipstone::planner
