#pragma once

#include <atomic>
#include <memory>

#include "emulator/host_clock.hpp"
#include "emulator/protocol.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// How a node keeps to the times of its orders. Under the wall clock everything begins and ends at its own time; under
// the virtual clock nothing waits, and works run when their inputs are there.
class Pace {
  public:
    virtual ~Pace() = default;

    // Works run in the order of their times, at these.
    virtual bool keeps_times() const = 0;
    // A round begins. No work of an earlier one may be left.
    virtual void begin(Go const& go) = 0;
    // The host time of a model time; −∞: it need not be waited for.
    virtual double deadline(double model_s) const = 0;
    // It takes the emulated device less time than a kernel may need at all: it cannot be computed in its own time.
    virtual bool is_short(TaskOrder const& order) const = 0;
    // How long a wait for a deadline may spin, in seconds.
    virtual double spin_s() const = 0;

    // What a radio has to wait for, when nothing comes.
    enum class Expects {
        nothing,       // no round is in work
        tensors,       // works lack tensors of other nodes
        deadlines,     // what is to come is known by its time
        tensor_on_way  // one is on its way at emulated speed
    };
    // The longest pause between two looks at a transport that does not wake, in seconds.
    virtual double longest_pause(Expects expects) const = 0;
};

// ranks_per_core: of this host; the more they are, the less each may spin or poll.
std::unique_ptr<Pace> make_pace(ClockKind kind, double ranks_per_core);

// Host time that ends before a work's end to which other works may be computed ahead, and what is a short work.
inline constexpr double short_task_s = 1e-3;

}  // namespace skipstone::emulator
