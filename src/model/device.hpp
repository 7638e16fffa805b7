#pragma once

#include <map>
#include <string>

#include "units/quantity.hpp"

namespace skipstone {

struct Powers {
    Watts compute{}, transmit{}, receive{}, idle{};  // P_c, P_t, P_r, P_idle (design.md section 6)
};

// One emulated device.
struct Device {
    std::string name;
    std::string profile;    // the profile that it was made from
    MacRate mac_rate{};     // e_i
    Bytes memory{};         // m̄_i, per round
    Macs macs_per_round{};  // c̄_i
    Joules battery{};       // ē_i, over the whole run
    Powers power;
    std::map<std::string, Seconds> compute_seconds;  // measured time per block, instead of c_j/e_i
};

}  // namespace skipstone
