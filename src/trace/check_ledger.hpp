#pragma once

// Private to this room.

#include <optional>
#include <vector>

#include "model/fault.hpp"
#include "trace/findings.hpp"

namespace skipstone::trace {

// When devices are off, by /outages; what names none is left out.
DownTimes down_times(std::vector<OutageRow> const& rows, std::size_t devices);

void check_outages(std::vector<OutageRow> const& outages, std::size_t devices, Findings& findings);

// Holds the battery ledger against the events, round after round.
class Ledger {
  public:
    Ledger(std::vector<DeviceRow> const& devices, std::vector<OutageRow> const& outages);

    void check(Round const& round, Findings& findings);

  private:
    using Events = std::vector<std::vector<Event const*>>;  // per device

    std::optional<std::vector<double>> remaining_after(Round const& round, Findings& findings) const;
    double up_time(std::size_t device, double begin, double end) const;
    double spent_until(double end, std::size_t device, Events const& events, double start) const;
    // What a device may have left at a time, and by how much that may be off.
    struct Expected {
        double joules = 0, tolerance = 0;
    };
    Expected expected_at(double end, std::size_t device, Events const& events, double start) const;
    std::size_t disagreeing(double end, Events const& events, double start, std::vector<double> const& remaining) const;
    double inferred_end(Round const& round, Events const& events, std::vector<double> const& remaining) const;

    std::vector<DeviceRow> const& devices_;
    DownTimes off_;
    std::vector<double> emptied_;  // when batteries ran empty
    std::vector<double> remaining_;
};

}  // namespace skipstone::trace
