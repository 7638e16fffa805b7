#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "analysis/summary.hpp"
#include "model/device.hpp"
#include "model/event.hpp"
#include "trace/schema.hpp"

namespace skipstone::analysis {

inline constexpr double energy_tolerance = 1e-9;  // up to which the battery ledger agrees

// Times, energies and counts of all devices, round after round. Move-only.
class DeviceTotals {
  public:
    // own: the trace's powers, which its ledger was made with; powers: those that energies are asked for. dilation: of
    // the wall clock; none: the clock was virtual.
    DeviceTotals(std::vector<trace::DeviceRow> const& devices, std::vector<trace::OutageRow> const& outages,
                 std::vector<Powers> const& own, std::vector<Powers> const& powers, std::optional<double> dilation);
    DeviceTotals(DeviceTotals&&) noexcept;
    ~DeviceTotals();

    void begin_round(double start_s);
    void add(Event const& event);
    // Returns what all devices spent in the round. remaining_j: the ledger's row per device.
    double end_round(double end_s, std::vector<double> const& remaining_j);

    std::vector<DeviceFigures> figures() const;
    EnergyTotals totals() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace skipstone::analysis
