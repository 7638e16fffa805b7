#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "units/id.hpp"
#include "units/quantity.hpp"
#include "units/random.hpp"

namespace skipstone {

// A time, [begin, end), in which a device does not work, or the link between a device and its peer, in both directions.
struct Outage {
    Seconds begin{}, end{};  // emulated, since the run's start; end infinite: for good
    DeviceId device;
    DeviceId peer;  // none: the device itself
    std::string cause;

    bool covers(Seconds time) const { return begin <= time && time < end; }
    bool operator==(Outage const&) const = default;
};

// When devices are off; for each device disjoint.
class DownTimes {
  public:
    DownTimes() = default;
    // Outages of links are left out.
    explicit DownTimes(std::vector<Outage> const& outages);

    // What is left of [begin, end) in which the device is there, in order.
    std::vector<std::pair<Seconds, Seconds>> up(DeviceId device, Seconds begin, Seconds end) const;

  private:
    std::vector<Outage> outages_;  // by device, begin
};

inline constexpr std::string_view survival_cause = "survival", failure_cause = "failure", schedule_cause = "schedule";

// Means of the exponentially distributed times for which something works, and then does not.
struct MeanTimes {
    Seconds to_failure{}, to_repair{};
    bool operator==(MeanTimes const&) const = default;
};

// What becomes of a request that lost a device or a link it needs: its blocks there are dropped, or the rest of its
// path is planned anew.
enum class Remedy { skip, replan };

// What fails when (section [faults] of a scenario).
struct FaultModel {
    std::string profile;               // name; empty: none
    std::vector<Outage> schedule;      // in any order, overlapping or not
    std::optional<MeanTimes> devices;  // of each device
    std::optional<MeanTimes> links;    // of each link
    std::vector<double> survival;      // device i is there in a round with probability survival[i mod size]
    Seconds detection{0};              // from a failure until something is done about it
    std::vector<Remedy> remedies{Remedy::skip, Remedy::replan};  // tried in this order

    bool operator==(FaultModel const&) const = default;
    bool none() const { return schedule.empty() && !devices && !links && survival.empty(); }
};

// The outages of a run. Drawn ones depend on the seed, the device (or link) and the round alone: RandomStream(seed,
// "failures" | "link-failures" | "survival", …).
class Faults {
  public:
    Faults(FaultModel model, std::uint64_t seed);

    // The outage in which `time` lies, else the first one after it; none when there are no more. Outages that overlap
    // or touch count as one. What a round's survival takes away is not in it.
    std::optional<Outage> next(DeviceId device, Seconds time) const;
    // Likewise of the link between two devices, device < peer in what is returned.
    std::optional<Outage> next(DeviceId device, DeviceId peer, Seconds time) const;
    // Whether the device is there in a round.
    bool survives(DeviceId device, RoundId round) const;

    // Whether any link ever does.
    bool links_fail() const;

    FaultModel const& model() const { return model_; }

  private:
    struct Renewal {
        RandomStream stream;
        std::vector<Outage> outages;  // drawn so far
    };
    std::optional<Outage> scheduled(DeviceId device, DeviceId peer, Seconds time) const;
    std::optional<Outage> drawn(DeviceId device, DeviceId peer, Seconds time) const;
    std::optional<Outage> merged(DeviceId device, DeviceId peer, Seconds time) const;

    FaultModel model_;
    std::uint64_t seed_;
    mutable std::map<std::pair<std::int32_t, std::int32_t>, Renewal> renewals_;  // drawn as far as they were asked for
};

// The outages that one round meets; without a round those that do not depend on one. Refers to the run's.
class RoundFaults {
  public:
    RoundFaults(Faults const& faults, RoundId round, Seconds start) : faults_(&faults), round_(round), start_(start) {}

    // As Faults::next(); a device that does not survive the round is away from its start for good.
    std::optional<Outage> next(DeviceId device, Seconds time) const;
    std::optional<Outage> next(DeviceId device, DeviceId peer, Seconds time) const {
        return faults_->next(device, peer, time);
    }
    bool down(DeviceId device, Seconds time) const;
    bool down(DeviceId device, DeviceId peer, Seconds time) const;
    bool links_fail() const { return faults_->links_fail(); }
    Seconds detection() const { return faults_->model().detection; }

  private:
    Faults const* faults_;
    RoundId round_;
    Seconds start_;
};

}  // namespace skipstone
