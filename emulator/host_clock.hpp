#pragma once

#include <atomic>
#include <cstdint>

namespace skipstone::emulator {

// This host's monotonic clock in seconds, shifted by a constant (tests give ranks clocks that disagree).
class HostClock {
  public:
    explicit HostClock(double shift_s = 0) : shift_s_(shift_s) {}
    double now() const;

  private:
    friend class Waker;
    double shift_s_;
};

// What a Waker sleeps on: 1 when it is to wake up. Other processes ring it where it lies in memory that they share.
using Bell = std::atomic<std::uint32_t>;
static_assert(Bell::is_always_lock_free && sizeof(Bell) == 4);
void ring(Bell& bell);

// Lets a thread wait for an absolute time of a host clock or for a ring of its bell, whichever comes first.
class Waker {
  public:
    // bell: none: one of its own.
    explicit Waker(HostClock const& clock, Bell* bell = nullptr) : clock_(&clock), bell_(bell ? bell : &own_) {}
    // Ends one wait, the present or the next one.
    void notify() { ring(*bell_); }
    // Returns at `time` (false) or soon after a notify() (true), without exactness: ± the kernel's timer slack. A signal
    // may end it earlier.
    bool wait_until(double time);
    // Returns at `time`, exactly but for what the scheduler does: sleeps, then spins for the last spin_s at most. False
    // when `stop` was set (and the waker notified) before.
    bool wait_exactly(double time, std::atomic<bool> const& stop, double spin_s = longest_spin_s);

    static constexpr double longest_spin_s = 100e-6;

  private:
    HostClock const* clock_;
    Bell own_{0};
    Bell* bell_;
};

// The calling thread's scheduling class. A thread that sleeps until a deadline should run at once when it comes
// (SCHED_FIFO where that is allowed); a thread that polls must not (many of them would leave no core for those that
// compute), and a thread that computes should not keep others from running. At the end it is an ordinary thread again:
// MPI libraries may spin while they end, which at SCHED_FIFO would leave no core for the ranks that they wait for.
class ThreadPriority {
  public:
    ThreadPriority() = default;
    ~ThreadPriority();
    ThreadPriority(ThreadPriority const&) = delete;
    ThreadPriority& operator=(ThreadPriority const&) = delete;

    void wait_for_deadlines();
    void ordinary();
    void compute();

  private:
    enum class Class { ordinary, deadlines, compute };
    Class class_ = Class::ordinary;
};

// Whether this process may use SCHED_FIFO.
bool real_time_is_allowed();

// Cores that this process may use.
int usable_cores();

}  // namespace skipstone::emulator
