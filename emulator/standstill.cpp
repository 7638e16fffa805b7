#include "emulator/standstill.hpp"

namespace skipstone::emulator {

namespace {

constexpr double pause_s = 0.1;
constexpr double noticed_s = 0.5;

}  // namespace

Standstill::Standstill(HostClock const& clock) : clock_(clock), waker_(clock) {
    thread_ = std::thread([this] {
        while (!stop_) {
            double const due = clock_.now() + pause_s;
            waker_.wait_until(due);
            if (double const late = clock_.now() - due; late > noticed_s) seconds_ = seconds_ + late;
        }
    });
}

Standstill::~Standstill() {
    stop_ = true;
    waker_.notify();
    thread_.join();
}

}  // namespace skipstone::emulator
