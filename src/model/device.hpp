#pragma once

#include <map>
#include <string>
#include <utility>

#include "model/precision.hpp"
#include "model/split.hpp"
#include "units/quantity.hpp"

namespace skipstone {

struct Powers {
    Watts compute{}, transmit{}, receive{}, idle{};  // P_c, P_t, P_r, P_idle
};

// One emulated device.
struct Device {
    std::string name;
    std::string profile;    // the profile that it was made from
    MacRate mac_rate{};     // e_i, in float32
    Bytes memory{};         // m̄_i, per round
    Macs macs_per_round{};  // c̄_i
    Joules battery{};       // ē_i, over the whole run; infinite: mains supply
    Powers power;
    std::map<std::string, Seconds> compute_seconds;  // measured time per block, instead of c_j/e_i
    // Measured time of one part of a block that is split.
    std::map<std::pair<std::string, Split>, Seconds> part_seconds;
    std::map<Precision, double> speedup;  // of all of these; 1 for a precision that is not there

    double speedup_in(Precision precision) const {
        auto const found = speedup.find(precision);
        return found == speedup.end() ? 1 : found->second;
    }
    MacRate mac_rate_in(Precision precision) const { return speedup_in(precision) * mac_rate; }
};

}  // namespace skipstone
