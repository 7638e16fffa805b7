#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "emulator/round_result.hpp"
#include "model/scenario.hpp"
#include "model/stream.hpp"
#include "units/proportion.hpp"

namespace skipstone::emulator {

struct DeviceSummary {
    std::string name;
    Seconds busy{}, waiting{};  // processor: computing, waiting for input
    Bytes sent{}, received{};
    Joules energy{}, battery{};  // spent, and left at the end
    Joules capacity{};           // of the battery; infinite on mains supply
    double battery_share() const { return battery.value() / capacity.value(); }  // NaN on mains supply
};

struct RoundSummary {
    int round = 0;
    Seconds start{}, length{};
    int requests = 0, admitted = 0;
    int failed = 0, revised = 0;  // of the admitted: lost to failures, and planned anew after one
    int dropped_blocks = 0;       // of the admitted, by their last plans
    double mean_accuracy = 0;     // of g(y) over the requests that finish; NaN where there is no accuracy table
    Seconds mean_latency{};       // from arrival to the last block's end
    Joules energy{};
    // Of the batteries, that with the smallest share of its capacity; infinite where all devices are on mains supply.
    double lowest_share = INFINITY;
    Joules lowest_battery{INFINITY};
    std::string lowest_device;
    Binding binding = Binding::none;
    std::optional<double> objective, gap;
    double planning_s = 0;
    std::size_t overruns = 0;
};

// How exactly the wall clock was kept.
struct Fidelity {
    std::size_t events = 0;  // compute and transfer events
    std::size_t overruns = 0;
    double p50 = 0, p99 = 0, max = 0;  // lateness, as a share of the event's emulated time
    double clock_uncertainty_s = 0;    // the worst
    double sufficient_dilation = 1;    // with which these events would have been faithful, with a quarter to spare
    bool faithful() const { return overruns * 100 <= events; }
};

// Finished requests whose image has a label: what the accuracy table promised, and what came out. Without any, only
// `labelled` says something.
struct AccuracySummary {
    long labelled = 0, correct = 0;
    double planned = 0;  // mean of g(y); NaN where there is no accuracy table
    long different = 0;  // of the labelled: how many different images they were, at most
    double observed() const { return static_cast<double>(correct) / static_cast<double>(labelled); }
    ProportionInterval confidence() const { return confidence_interval(correct, labelled); }  // of observed(), 95 %
    // Whether a binomial test at 99.9 % lets `planned` stand. An image that was classified several times counts once.
    bool planned_is_plausible() const;
};

// What a run whose requests come as a stream reaches; rates in requests per second, NaN where there is none.
struct StreamSummary {
    double throughput = NAN;  // of the steady state (model/stream.hpp)
    double bound = NAN;       // what no schedule can pass
    std::string bottleneck;   // the busiest resource, "processor c"; "" where nothing is done
    double share = NAN;       // of its time that it is busy, in the steady state
    double gap() const { return 1 - throughput / bound; }
};

// What a run adds up to.
class RunSummary {
  public:
    // different_images: how many the requests' images are taken from; 0: no end of them.
    RunSummary(Scenario const& scenario, double dilation, std::size_t different_images = 0);

    RoundSummary add(RoundResult const& result);

    std::vector<DeviceSummary> const& devices() const { return devices_; }
    std::vector<RoundSummary> const& rounds() const { return rounds_; }
    std::optional<StreamSummary> stream() const;  // none: the requests are no stream
    Fidelity fidelity() const;  // wall clock only; no events under the virtual clock
    AccuracySummary accuracy() const;
    // A finished request's label, predicted class and g(y).
    void add_prediction(int label, int predicted, double planned_accuracy);
    Seconds emulated() const;
    double kernel_s() const { return kernel_s_; }
    double stalled_s() const { return stalled_s_; }  // host time that rank 0 stood still

  private:
    std::vector<DeviceSummary> devices_;
    std::vector<RoundSummary> rounds_;
    void add_stream(RoundResult const& result);

    std::vector<double> lateness_;
    std::size_t overruns_ = 0;
    double worst_uncertainty_s_ = 0;
    long labelled_ = 0, correct_ = 0;
    std::size_t different_images_;
    double planned_correct_ = 0;  // sum of g(y) over the labelled
    double kernel_s_ = 0, stalled_s_ = 0;
    double dilation_;
    bool accuracy_known_;
    std::optional<StreamLoad> load_;  // of a stream
    std::vector<double> intervals_s_;
    double done_ = 0, bound_s_ = 0;  // requests, and how long they take at least
};

}  // namespace skipstone::emulator
