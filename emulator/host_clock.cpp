#include "emulator/host_clock.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace skipstone::emulator {

double HostClock::now() const {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec) + shift_s_;
}

void ring(Bell& bell) {
    if (bell.exchange(1) == 0) ::syscall(SYS_futex, &bell, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

bool Waker::wait_until(double time) {
    double const limit = std::min(time, clock_->now() + 3600) - clock_->shift_s_;
    double const whole = std::floor(std::max(limit, 0.0));
    timespec const until{static_cast<time_t>(whole), static_cast<long>(1e9 * (std::max(limit, 0.0) - whole))};
    if (bell_->load() == 0)  // not FUTEX_PRIVATE: who rings may be another process
        ::syscall(SYS_futex, bell_, FUTEX_WAIT_BITSET, 0, &until, nullptr, FUTEX_BITSET_MATCH_ANY);
    return bell_->exchange(0) != 0;
}

bool Waker::wait_exactly(double time, std::atomic<bool> const& stop, double spin_s) {
    while (clock_->now() < time - spin_s) {
        if (stop) return false;
        wait_until(time - spin_s / 2);
    }
    while (clock_->now() < time)
        if (stop) return false;
    return true;
}

namespace {

constexpr std::uint64_t usual_slice = 0;           // ns; the system's default
constexpr std::uint64_t shortest_slice = 100'000;  // that Linux grants

// As sched_setattr takes it; glibc has no name for it.
struct SchedulingAttributes {
    std::uint32_t size = sizeof(SchedulingAttributes);
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0, deadline = 0, period = 0;
};

// slice: since Linux 6.12 an ordinary thread that asks for short turns on a core gets them sooner after it wakes up; older
// ones take no notice.
bool become(int policy, int priority, std::uint64_t slice) {
    SchedulingAttributes attributes;
    attributes.policy = static_cast<std::uint32_t>(policy);
    attributes.nice = getpriority(PRIO_PROCESS, 0);
    attributes.priority = static_cast<std::uint32_t>(priority);
    attributes.runtime = slice;
    return ::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

void become_ordinary() {
    become(SCHED_OTHER, 0, usual_slice);
}

bool become_fifo() {
    return become(SCHED_FIFO, 1, 0);
}

}  // namespace

ThreadPriority::~ThreadPriority() {
    ordinary();
}

void ThreadPriority::wait_for_deadlines() {
    if (class_ == Class::deadlines) return;
    class_ = Class::deadlines;
    if (!become_fifo()) become(SCHED_OTHER, 0, shortest_slice);
}

void ThreadPriority::ordinary() {
    if (class_ == Class::ordinary) return;
    class_ = Class::ordinary;
    become_ordinary();
}

void ThreadPriority::compute() {
    if (class_ == Class::compute) return;
    class_ = Class::compute;
    become(SCHED_BATCH, 0, usual_slice);
}

bool real_time_is_allowed() {
    bool const allowed = become_fifo();
    become_ordinary();
    return allowed;
}

int usable_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return std::max(1, CPU_COUNT(&set));
}

}  // namespace skipstone::emulator
