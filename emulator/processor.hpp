#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "emulator/executor.hpp"
#include "emulator/host_clock.hpp"
#include "emulator/outbox.hpp"
#include "emulator/pace.hpp"
#include "emulator/workbench.hpp"

namespace skipstone::emulator {

// Runs a node's works on a thread of its own, one at a time: takes what they read from the workbench, computes, puts
// the outcome down there or into the outbox, and stamps when that was. The other functions are the radio's.
class Processor {
  public:
    // executor: none with kernels off. blocks: of the network. The references must outlive it.
    Processor(HostClock const& clock, Pace const& pace, Workbench& bench, Outbox& outbox,
              std::unique_ptr<BlockExecutor> executor, std::size_t blocks);
    ~Processor();
    Processor(Processor const&) = delete;
    Processor& operator=(Processor const&) = delete;

    // These lack nothing any more.
    void offer(std::vector<Work*> const& works);
    // Makes the first calls that a round's works need, then says Prepared.
    void prepare(std::int32_t round, std::vector<Work*> const& works);
    // Where the pace keeps times: these are the round's works, in order.
    void begin(std::vector<Work*> const& schedule);
    // Says Measured.
    void measure();
    // Ends what the thread waits for; nothing runs any more.
    void stop();

  private:
    // What a first call makes cheap.
    struct Kernel {
        BlockId block;
        BlockMode mode = BlockMode::full;
        Split split = {};
        int part = -1;
        auto operator<=>(Kernel const&) const = default;
    };
    struct Preparation {
        std::int32_t round = 0;
        std::vector<Kernel> kernels;
    };
    // What the thread does next.
    struct Next {
        Work* work = nullptr;
        std::optional<Preparation> preparation;
        bool measure = false;
    };

    void loop();
    Next next();
    void make_first_calls(Preparation const& preparation);
    void measure_blocks();
    void run(Work& work);
    void run_ahead();
    bool wait_for_inputs(Work const& work, double until);
    void compute(Work& work);
    Tensor apply_vanished(Tensor tensor, int first, int end);
    Tensor outcome_of(TaskOrder const& order, std::vector<Tensor> inputs);
    // What a head hands on; where the request leaves, its logits.
    struct Heard {
        Tensor outcome;
        bool leaves = false;
    };
    Heard judge(Work const& work, Tensor input);
    void finish(Work& work, std::optional<Stamp> stamp);

    HostClock const& clock_;
    Pace const& pace_;
    Workbench& bench_;
    Outbox& outbox_;
    std::unique_ptr<BlockExecutor> executor_;  // the thread's alone
    std::size_t blocks_;
    Waker waker_;  // the thread's
    std::atomic<bool> stop_{false};

    struct RunsBefore {
        bool operator()(Work const* a, Work const* b) const { return runs_before(*a, *b); }
    };
    std::mutex mutex_;
    std::set<Work*, RunsBefore> ready_;   // guarded by mutex_: to run now
    std::deque<Work*> schedule_;          // guarded by mutex_: to run at their times, in order
    std::deque<Preparation> to_prepare_;  // guarded by mutex_
    bool to_measure_ = false;             // guarded by mutex_

    std::set<Kernel> prepared_;  // the thread's alone
    ThreadPriority priority_;    // the thread's alone
    std::thread thread_;
};

}  // namespace skipstone::emulator
