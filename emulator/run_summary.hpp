#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "emulator/coordinator.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

struct DeviceSummary {
    std::string name;
    Seconds busy{}, waiting{};  // processor: computing, waiting for input
    Bytes sent{}, received{};
    Joules energy{}, battery{};  // spent, and left at the end
};

struct RoundSummary {
    int round = 0;
    Seconds start{}, length{};
    int requests = 0, admitted = 0;
    int dropped_blocks = 0;    // over the admitted requests
    double mean_accuracy = 0;  // planned
    Seconds mean_latency{};    // from arrival to the last block's end
    Joules energy{};
    Joules lowest_battery{};
    std::string lowest_device;
    Binding binding = Binding::none;
    std::optional<double> objective, gap;
    double planning_s = 0;
    std::size_t overruns = 0;
};

// How exactly the wall clock was kept (design.md section 6).
struct Fidelity {
    std::size_t events = 0;  // compute and transfer events
    std::size_t overruns = 0;
    double p50 = 0, p99 = 0, max = 0;  // lateness, as a share of the event's emulated time
    double clock_uncertainty_s = 0;    // the worst
    bool faithful() const { return overruns * 100 <= events; }
};

// What a run adds up to.
class RunSummary {
  public:
    RunSummary(Scenario const& scenario, double dilation);

    RoundSummary add(RoundResult const& result);

    std::vector<DeviceSummary> const& devices() const { return devices_; }
    std::vector<RoundSummary> const& rounds() const { return rounds_; }
    Fidelity fidelity() const;  // wall clock only; no events under the virtual clock
    std::size_t labelled() const { return labelled_; }
    std::size_t correct() const { return correct_; }
    void add_prediction(int label, int predicted);
    Seconds emulated() const;
    double kernel_s() const { return kernel_s_; }

  private:
    std::vector<DeviceSummary> devices_;
    std::vector<RoundSummary> rounds_;
    std::vector<double> lateness_;
    std::size_t overruns_ = 0;
    double worst_uncertainty_s_ = 0;
    std::size_t labelled_ = 0, correct_ = 0;
    double kernel_s_ = 0;
    double dilation_;
};

}  // namespace skipstone::emulator
