#include "planner/single_device.hpp"

#include "planner/sequential.hpp"

namespace skipstone::planner {

PlanResult plan_single_device(Instance const& instance, Options const&) {
    return plan_sequentially(instance, Spread::one_device);
}

}  // namespace skipstone::planner
