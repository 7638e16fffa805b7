#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/device.hpp"
#include "units/id.hpp"

namespace skipstone::config {

// The devices of a fleet by name. A view: the fleet must outlive it.
class FleetNames {
  public:
    explicit FleetNames(std::vector<Device> const& fleet);

    std::string const& name(DeviceId device) const { return fleet_[device.index()].name; }
    // None: no device has the name.
    DeviceId find(std::string const& name) const;
    // Throws InputError without a place; or_else: what may stand there beside the name of a device.
    DeviceId at(std::string const& name, std::string_view or_else) const;
    // The devices that one text names: "pi", "pi-3", "pi-*" (pi and a number, all of them), "pi-2..5". Throws
    // InputError likewise.
    std::vector<DeviceId> all(std::string const& text) const;

  private:
    std::vector<Device> const& fleet_;
    std::unordered_map<std::string_view, DeviceId> ids_;
    std::unordered_map<std::string_view, std::vector<DeviceId>> numbered_;  // "pi-0", "pi-1", … under "pi-"
};

}  // namespace skipstone::config
