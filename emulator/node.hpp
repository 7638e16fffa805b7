#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "emulator/executor.hpp"
#include "emulator/host_clock.hpp"
#include "emulator/protocol.hpp"
#include "emulator/transport.hpp"
#include "model/scenario.hpp"
#include "model/tensor.hpp"

namespace skipstone::emulator {

// One rank that hosts devices: under the wall clock one device, under the virtual clock any number. Two threads: the
// caller of serve() is the radio, which alone uses the transport, moves tensors and stamps transfers; the processor
// runs kernels and stamps them. Under the wall clock both wait for the absolute times of their orders; under the
// virtual clock neither waits, and the tasks run as dataflow.
class Node {
  public:
    // executor: none with kernels off. clock and waker are this rank's; the transport wakes the waker where it can.
    // ranks_per_core: of this host; the more they are, the less each may spin or poll.
    Node(Transport& transport, HostClock const& clock, Waker& waker, std::unique_ptr<BlockExecutor> executor,
         std::size_t blocks, ClockKind kind, double ranks_per_core = 1);
    ~Node();
    Node(Node const&) = delete;

    // Serves rounds until the coordinator says stop. An exception of the processor's is rethrown here.
    void serve();
    // The round in work, for messages about failures; −1 before the first.
    int round() const { return round_; }

  private:
    using StepKey = std::tuple<int, int, int>;  // round, request, step

    struct Work {
        TaskOrder order;
        Tensor input, output;
        bool input_here = false;
        bool computed = false;
        double kernel_s = 0;
    };
    struct Output {
        Work* work = nullptr;
        Tensor tensor;
    };
    // Under the wall clock: something the radio does at a time.
    struct Timer {
        enum class Action { transmit_begin, transmit_end, receive_begin, receive_end };
        double model_s = 0;
        Action action = Action::transmit_begin;
        Work* work = nullptr;
        std::size_t stamp = 0;  // among the round's transfers
        bool done = false;
    };
    struct Round {
        std::map<StepKey, std::unique_ptr<Work>> works;
        std::vector<Work*> in_order;   // what the processor runs, by model time (wall clock)
        std::vector<Timer> timers;     // by model time
        std::vector<Stamp> transfers;  // a timer's stamp is here; only the radio touches them
        std::vector<Stamp> computations;
        std::map<StepKey, Output> outputs;  // waiting for their transmission
        std::size_t unfinished = 0;         // computations, and transfers under the wall clock
        double kernel_s = 0;
    };

    void processor_loop();
    void run_work(Work& work);
    void deliver(StepKey key, Tensor tensor);  // locked by the caller
    bool is_short(TaskOrder const& order) const;
    void run_ahead();
    bool wait_for_input(Work const& work, double until);
    void compute(Work& work);
    void route(Work& work);  // its output: local, or into the outbox
    void finish(Work& work, Stamp const& stamp);
    bool handle_messages();
    bool handle_outbox();
    bool handle_timers();
    void accept_orders(Buffer payload);
    void begin_round(Go const& go);
    void answer_ping(int peer);
    void measure();
    std::optional<Message> next_message();
    void transmit(Output output);
    void report_if_done(int round);
    double deadline(double model_s) const { return go_.host_start_s + (model_s - go_.model_start_s) * go_.dilation; }
    double next_timer_s() const;
    double longest_pause();

    Transport& transport_;
    HostClock const& clock_;
    Waker& waker_;  // the radio's
    Waker processor_waker_;
    std::unique_ptr<BlockExecutor> executor_;
    std::size_t blocks_;  // of the network
    ClockKind kind_;
    double crowd_;   // ranks per core, at least 1
    double spin_s_;  // before a deadline

    std::mutex mutex_;  // guards what follows, but for what only the radio touches
    std::map<int, Round> rounds_;
    std::map<StepKey, Tensor> early_;  // tensors that came before their orders
    struct ByTime {
        bool operator()(Work const* a, Work const* b) const;
    };
    std::set<Work*, ByTime> ready_;  // virtual clock: inputs are there
    std::deque<Work*> schedule_;     // wall clock: after Go, in order
    std::deque<std::pair<BlockId, BlockMode>> to_prepare_;
    std::set<std::pair<std::int32_t, std::int32_t>> prepared_;
    std::deque<Output> outbox_;
    std::exception_ptr failure_;
    bool preparing_ = false;
    int announce_ready_ = -1;  // round to announce as ready once everything is prepared

    std::atomic<bool> stop_{false};
    std::atomic<int> round_{-1};
    Go go_;                         // of the round that runs (wall clock)
    int scheduled_ = -1;            // wall clock: the round that runs; only the radio uses it
    std::size_t first_timer_ = 0;   // of that round: those before are done
    std::deque<Message> put_back_;  // came between pings
    ThreadPriority radio_priority_, processor_priority_;
    std::thread processor_;
};

}  // namespace skipstone::emulator
