#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/link.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone::planner {

// The paper's x(r, i, k) for one round: 1 where device i is to execute block k of request r. Relaxed (Eq. 20), several
// devices may be.
class Allocation {
  public:
    Allocation(std::size_t requests, std::size_t devices, std::size_t blocks)
        : requests_(requests), devices_(devices), blocks_(blocks), x_(requests * devices * blocks, 0) {}

    std::size_t requests() const { return requests_; }
    std::size_t devices() const { return devices_; }
    std::size_t blocks() const { return blocks_; }
    std::uint8_t& operator()(std::size_t r, std::size_t i, std::size_t k) {
        return x_[(r * devices_ + i) * blocks_ + k];
    }
    std::uint8_t operator()(std::size_t r, std::size_t i, std::size_t k) const {
        return x_[(r * devices_ + i) * blocks_ + k];
    }
    bool operator==(Allocation const&) const = default;

  private:
    std::size_t requests_, devices_, blocks_;
    std::vector<std::uint8_t> x_;
};

// The paper's Algorithm 1 (device allocation) for one time step: leaves at most one device per request and block.
// rates: e(i), one per device. Of several devices
//  - dvc stays, if it is among them (lines 12-15);
//  - else the one with the highest data rate from dvc becomes dvc (lines 17-25);
//  - else, while there is no dvc yet, the one with the highest e(i) (lines 27-34). Among equals the first, as MATLAB's
//  max has it.
// Read so: lines 11-34 stand after the loop over i, when `devices` is whole, and dvc is reset for each request (line
// 3). The listing changes dvc only under line 11, where more than one device is allocated; a block with exactly one
// device leaves dvc as it was, on whatever device that block runs. That is followed to the letter. Blocks with no
// device keep none.
Allocation allocate_devices(Allocation x, LinkTable const& links, std::vector<MacRate> const& rates);

}  // namespace skipstone::planner
