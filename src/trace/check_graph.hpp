#pragma once

// Private to this room.

#include <cstdint>
#include <optional>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "model/task_graph.hpp"
#include "trace/schema.hpp"

namespace skipstone::trace {

// What plans of a trace make devices do.
class PlannedWork {
  public:
    // known: the instance that the trace's run was made from; null: what the trace says of its blocks and devices, and
    // parts cost nothing.
    PlannedWork(Header const& header, Instance const* known);

    // A dropped block vanishes where the plan has no device for it. source: where the image is; none: everywhere.
    TaskGraph graph(RequestPlan const& plan, std::optional<DeviceId> source);
    // What remains of it for a request that left behind a block (−1: at no exit). False: there is no exit.
    bool leave(TaskGraph& graph, std::int32_t exit) const;
    // The bytes and MACs of parts in graphs are those of the run.
    bool knows_parts() const { return knows_parts_; }
    // MACs that a device must have for a task of such a plan: those that are expected, where the run reserves no more,
    // and it is known how many requests get so far.
    Macs reserved(RequestPlan const& plan, Task const& task) const;

  private:
    Instance instance_;
    bool knows_parts_;
};

}  // namespace skipstone::trace
