#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

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

// Lets a thread wait for an absolute time of a host clock or for another thread's call, whichever comes first.
class Waker {
  public:
    explicit Waker(HostClock const& clock) : clock_(&clock) {}
    // Ends one wait, the present or the next one.
    void notify();
    // Returns at `time` or soon after a notify(), without exactness: ± the kernel's timer slack.
    void wait_until(double time);
    // Returns at `time`, exactly but for what the scheduler does: sleeps, then spins for the last 100 µs at most. False
    // when `stop` was set (and the waker notified) before.
    bool wait_exactly(double time, std::atomic<bool> const& stop);

  private:
    HostClock const* clock_;
    std::mutex mutex_;
    std::condition_variable condition_;
    bool notified_ = false;
};

// The calling thread's scheduling class. A thread that waits for a deadline should run at once when it comes
// (SCHED_FIFO where that is allowed), a thread that computes should not keep those from running. At the end it is an
// ordinary thread again: MPI libraries may spin while they end, which at SCHED_FIFO would leave no core for the ranks
// that they wait for.
class ThreadPriority {
  public:
    ThreadPriority() = default;
    ~ThreadPriority();
    ThreadPriority(ThreadPriority const&) = delete;
    ThreadPriority& operator=(ThreadPriority const&) = delete;

    void wait_for_deadlines();
    void compute();

  private:
    enum class Class { unset, deadlines, compute };
    Class class_ = Class::unset;
};

// Cores that this process may use.
int usable_cores();

}  // namespace skipstone::emulator
