#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "model/instance.hpp"
#include "planner/choice.hpp"

namespace skipstone::planner {

// Slack of an energy limit, relative: sums in another order may differ in the last bits.
inline constexpr double energy_rounding = 1e-10;

// What the requests placed so far leave of every device (Eq. 13, 14, 17).
class Capacity {
  public:
    explicit Capacity(Instance const& instance);

    Bytes memory(DeviceId device) const { return memory_[device.index()]; }
    Macs macs(DeviceId device) const { return macs_[device.index()]; }
    Joules energy(DeviceId device) const { return energy_[device.index()]; }
    // By what a step's weights add to the memory that the device needs: those that are not there yet.
    Bytes weights(DeviceId device, Step const& step) const {
        if (held_.empty()) return Bytes(0);
        Bytes sum{};
        for_each_holding(*instance_, step, [&](std::size_t holding, Bytes weights) {
            if (held_[device.index() * holdings_ + holding] == 0) sum += weights;
        });
        return sum;
    }

    // Whether a placement (choice.steps[s] on devices[s]), or its beginning, fits, links included.
    bool fits(Choice const& choice, std::vector<DeviceId> const& devices) const;
    void take(Choice const& choice, std::vector<DeviceId> const& devices) { apply(choice, devices, 1); }
    void give_back(Choice const& choice, std::vector<DeviceId> const& devices) { apply(choice, devices, -1); }

  private:
    void apply(Choice const& choice, std::vector<DeviceId> const& devices, int sign);

    Instance const* instance_;
    std::size_t holdings_;
    std::vector<Bytes> memory_;
    std::vector<Macs> macs_;
    std::vector<Joules> energy_;      // includes the slack
    std::vector<std::int32_t> held_;  // [devices × holdings] requests that need it there; empty unless weights count
};

}  // namespace skipstone::planner
