#pragma once

#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "model/scenario.hpp"
#include "planner/planner.hpp"
#include "timeline/timeline.hpp"

namespace skipstone::emulator {

// A request's plan after something failed.
struct Revision {
    int number = 1;  // 1, 2, … for each request
    RequestId request;
    RequestPlan plan;  // whole: what has run already included
};

// Decides how a request goes on that lost a device or a link: a timeline::Recover. Remedies in the order of the fault
// model: `skip` drops the blocks that were to run on devices that are down or cut off, where the table knows the
// accuracy of that, it is not below the threshold, and what is left of the devices suffices; `replan` plans what is
// left of the path with what the other plans leave of the devices that are there, starting where the tensor is kept;
// where it is kept in parts, these are joined on another device first. Where neither helps, the request fails.
class Recovery {
  public:
    // The round's instance and plan; options and name of the planner. References must outlive this object.
    Recovery(Scenario const& scenario, Instance const& instance, PlanResult const& plan, RoundFaults const& faults,
             planner::Options const& options);

    TaskGraph operator()(timeline::Job const& job, timeline::Loss const& loss);

    std::vector<Revision> const& revisions() const { return revisions_; }

  private:
    // What of a request is there to go on from: the first `tasks` tasks of its plan, those that are kept and those that
    // only what is kept can go on with (a join, heads of exits), behind which comes block `first`.
    // The tensor is whole, on `holder`; none: it is the image, and every device has it.
    struct Start {
        RequestPlan plan;
        std::size_t tasks = 0, first = 0;
        std::optional<DeviceId> holder;
    };

    InstanceExit const& exit_of(Task const& head) const { return instance_.exits[static_cast<std::size_t>(head.exit)]; }
    std::size_t with_heads(RequestPlan const& plan, std::size_t tasks) const;
    std::vector<Start> starts(timeline::Job const& job, timeline::Loss const& loss) const;
    std::optional<RequestPlan> skip(Start const& start, timeline::Job const& job, timeline::Loss const& loss) const;
    std::optional<RequestPlan> replan(Start const& start, timeline::Job const& job, timeline::Loss const& loss) const;
    Instance left_over(RequestPlan const& plan, std::size_t tasks, timeline::Job const& job,
                       timeline::Loss const& loss) const;
    bool can_join(Start const& start, timeline::Job const& job, timeline::Loss const& loss) const;
    Instance rest_of(Start const& start, timeline::Job const& job, timeline::Loss const& loss) const;
    std::vector<Event> vain_work(timeline::Job const& job, timeline::Loss const& loss) const;
    bool lost(timeline::Loss const& loss, DeviceId device) const;

    Scenario const& scenario_;
    Instance instance_;  // as if nothing were down
    RoundFaults const& faults_;
    planner::Options options_;
    std::vector<RequestPlan> plans_;  // as they are by now
    std::vector<Revision> revisions_;
    std::vector<Event> in_vain_;  // of requests that went on after it
    // How much of Loss::in_vain was there when each request last went on.
    std::vector<std::size_t> accounted_;
};

// Takes away what is down at a time: such devices offer nothing, such links carry nothing.
Instance without_outages(Instance instance, RoundFaults const& faults, Seconds time);

}  // namespace skipstone::emulator
