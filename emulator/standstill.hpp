#pragma once

#include <atomic>
#include <thread>

#include "emulator/host_clock.hpp"

namespace skipstone::emulator {

// Notices how long this process stood still for more than half a second at a time: it was stopped (SIGSTOP), its machine
// slept, or no core was free for it. A thread that sleeps, and looks whether it overslept.
class Standstill {
  public:
    explicit Standstill(HostClock const& clock);
    ~Standstill();
    Standstill(Standstill const&) = delete;
    Standstill& operator=(Standstill const&) = delete;

    // Seconds since the last call.
    double take() { return seconds_.exchange(0); }

  private:
    HostClock const& clock_;
    Waker waker_;
    std::atomic<double> seconds_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace skipstone::emulator
