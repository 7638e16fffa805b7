#include "model/plan.hpp"

namespace skipstone {

std::string_view to_string(PlanStatus status) {
    switch (status) {
        case PlanStatus::optimal:
            return "optimal";
        case PlanStatus::feasible:
            return "feasible";
        case PlanStatus::infeasible:
            return "infeasible";
        case PlanStatus::unknown:
            return "unknown";
    }
    return "";
}

std::string_view to_string(Binding binding) {
    switch (binding) {
        case Binding::none:
            return "";
        case Binding::memory:
            return "memory";
        case Binding::compute:
            return "compute";
        case Binding::energy:
            return "energy";
        case Binding::accuracy:
            return "accuracy";
        case Binding::link:
            return "link";
        case Binding::outage:
            return "outage";
        case Binding::unknown:
            return "unknown";
    }
    return "";
}

}  // namespace skipstone
