#include "emulator/host_clock.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <chrono>

namespace skipstone::emulator {

namespace {

constexpr double spin_s = 100e-6;

}  // namespace

double HostClock::now() const {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec) + shift_s_;
}

void Waker::notify() {
    {
        std::lock_guard const lock(mutex_);
        notified_ = true;
    }
    condition_.notify_one();
}

void Waker::wait_until(double time) {
    std::unique_lock lock(mutex_);
    double const left = std::min(time - clock_->now(), 3600.0);
    if (left > 0)  // libstdc++'s steady clock is CLOCK_MONOTONIC
        condition_.wait_until(lock,
                              std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                                     std::chrono::duration<double>(left)),
                              [&] { return notified_; });
    notified_ = false;
}

bool Waker::wait_exactly(double time, std::atomic<bool> const& stop) {
    while (clock_->now() < time - spin_s) {
        if (stop) return false;
        wait_until(time - spin_s / 2);
    }
    while (clock_->now() < time)
        if (stop) return false;
    return true;
}

namespace {

void become_ordinary() {
    sched_param const normal{};
    sched_setscheduler(0, SCHED_OTHER, &normal);
}

}  // namespace

ThreadPriority::~ThreadPriority() {
    if (class_ != Class::unset) become_ordinary();
}

void ThreadPriority::wait_for_deadlines() {
    if (class_ == Class::deadlines) return;
    class_ = Class::deadlines;
    sched_param fifo{};
    fifo.sched_priority = 1;
    if (sched_setscheduler(0, SCHED_FIFO, &fifo) != 0) become_ordinary();
}

void ThreadPriority::compute() {
    if (class_ == Class::compute) return;
    class_ = Class::compute;
    sched_param const normal{};
    sched_setscheduler(0, SCHED_BATCH, &normal);
}

int usable_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return std::max(1, CPU_COUNT(&set));
}

}  // namespace skipstone::emulator
