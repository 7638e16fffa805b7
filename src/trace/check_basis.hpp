#pragma once

// Private to this room.

#include <optional>
#include <string>
#include <vector>

#include "model/instance.hpp"
#include "model/task_graph.hpp"
#include "trace/check.hpp"
#include "trace/findings.hpp"

namespace skipstone::trace {

// Holds a trace against what its run was made from, round after round.
class BasisCheck {
  public:
    BasisCheck(Basis const& basis, Header const& header, Findings& findings);

    // rates: of the round, where all are stored (else empty); used: those of links that were used, in large fleets.
    // The scenario's blocks and devices; null where the trace has others.
    Instance const* instance() const { return fits_ ? &instance_ : nullptr; }

    // The trace has the scenario's devices and blocks, and no link of theirs loses packets.
    bool loses_nothing() const;

    void check(Round const& round, std::vector<double> const& rates, std::vector<UsedLinkRow> const& used);

  private:
    void check_header(Header const& header);
    void check_rates(Round const& round, LinkTable const& links, std::vector<double> const& rates,
                     std::vector<UsedLinkRow> const& used);
    void check_arrivals(Round const& round);
    void check_in_flight(Round const& round);
    void check_plan(Round const& round);
    void check_events(Round const& round, LinkTable const& links);
    void check_goal(Round const& round);
    double planned_throughput(std::vector<RequestPlan> const& requests) const;
    bool fits(RequestPlan const& plan) const;
    bool check_splits(RequestPlan const& plan, std::string const& where);
    void check_computation(Event const& event, Task const& task);
    void check_transfer(Event const& sent, Event const* received, HopBytes const& size, LinkTable const& links);
    void check_span(Round const& round);

    Basis const& basis_;
    Scenario const& scenario_;
    std::vector<DeviceRow> const& devices_;
    std::vector<BlockRow> const& blocks_;
    Findings& findings_;
    bool fits_ = false;  // the trace's devices and blocks are the scenario's: rounds can be held against it
    Instance instance_;
    std::int64_t drawn_ = 0;            // requests so far
    std::vector<RequestRow> rejected_;  // by the round before
    // As in PendingRequest, of the round's requests and of those; −1: unknown.
    std::vector<std::int64_t> images_, rejected_images_;
};

}  // namespace skipstone::trace
