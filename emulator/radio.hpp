#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "emulator/host_clock.hpp"
#include "emulator/outbox.hpp"
#include "emulator/pace.hpp"
#include "emulator/processor.hpp"
#include "emulator/transport.hpp"
#include "emulator/workbench.hpp"

namespace skipstone::emulator {

// A node's side of the transport, on the thread that calls serve(): takes orders and tensors, sends what the processor
// made, stamps transfers at their times, and reports rounds. All of its data is that thread's alone.
class Radio {
  public:
    // waker: this thread's; the transport wakes it where it can. The references must outlive it.
    Radio(Transport& transport, HostClock const& clock, Waker& waker, Pace& pace, Workbench& bench, Outbox& outbox,
          Processor& processor);

    // Until the coordinator says stop. Rethrows the processor's failure.
    void serve();
    // The round in work, or carried out untimed before it; −1 before the first. Any thread may ask.
    int round() const { return round_; }

  private:
    struct Transfer {
        TransferOrder order;
        Stamp stamp;
        std::optional<Outgoing> held;  // what is to be transmitted, until that begins
        bool is_here = false;          // what is received
        bool has_begun = false;
    };
    // Something the radio does at a time.
    struct Timer {
        double model_s = 0;
        std::size_t transfer = 0;
        bool ends = false;  // else it begins
        bool done = false;
    };
    struct Round {
        std::vector<Transfer> transfers;
        std::map<TensorName, std::size_t> receives;  // which transfer brings it
        std::vector<Timer> timers;                   // by model time
        std::size_t first_timer = 0;                 // those before are done
        std::vector<Stamp> computations;
        std::size_t works_left = 0, transfers_left = 0;
        double kernel_s = 0;
        bool over() const { return works_left == 0 && transfers_left == 0; }
    };

    bool handle_messages();
    std::optional<Message> next_message();
    void accept(Orders orders);
    void take(TensorName const& name, Tensor tensor);
    void call_off(CallOff const& what);
    void begin_round(Go const& go);
    void answer_ping(int peer);
    bool handle_outbox();
    void handle(Outgoing output);
    void handle(Finished const& finished);
    void handle(Judged const& judged);
    void handle(Prepared const& prepared);
    void handle(Measured const& measured);
    bool handle_timers();
    bool handle(Timer const& timer, Transfer& transfer, double now);
    // Works that have all that they read.
    void dispatch(std::vector<Work*> const& works);
    void send(Outgoing output);
    void report_if_over(std::int32_t round);
    void wait(bool progress);
    double next_timer_s() const;
    Pace::Expects expects() const;

    Transport& transport_;
    HostClock const& clock_;
    Waker& waker_;
    Pace& pace_;
    Workbench& bench_;
    Outbox& outbox_;
    Processor& processor_;

    std::map<std::int32_t, Round> rounds_;
    std::int32_t scheduled_ = -1;   // the round that runs, where the pace keeps times
    std::set<TensorName> early_;    // came before their orders, where the pace keeps times
    std::deque<Message> put_back_;  // came between pings
    double pause_s_;                // between two looks at the transport
    bool looks_ = true;             // for messages, at the next turn
    std::atomic<bool> stop_{false};
    std::atomic<int> round_{-1};
    ThreadPriority priority_;
};

}  // namespace skipstone::emulator
